import type { ArtifactFacts, CustomImager, Imager, ImagerContext } from "../contract/imager.ts";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import { cpioImager } from "../imagers/cpio/index.ts";
import { customImager } from "../imagers/custom/index.ts";
import { dirImager } from "../imagers/dir/index.ts";
import { ext4Imager } from "../imagers/ext4/index.ts";
import { loopImager } from "../imagers/loop/index.ts";
import { squashfsImager } from "../imagers/squashfs/index.ts";
import { tarImager } from "../imagers/tar/index.ts";
import { formatSize } from "../lib/bytes.ts";
import type { Warning } from "../lib/context.ts";
import { assertNever } from "../lib/errors.ts";
import type { Requirement } from "../lib/process/requirements.ts";
import type { SealedTree } from "../rootfs/seal.ts";
import type { BootMedium, GuestKernel } from "../volant/kernels.ts";
import type { Owner } from "./user-failure.ts";

/** How the guest's kernel will meet the artifact; undefined for what no kernel is meant to. */
export function bootMedium(plugin: ResolvedPlugin, { isBootable }: BoundImager): BootMedium | undefined {
  if (!isBootable) return undefined;
  const guestKernel = whoseKernel(plugin);
  if (plugin.strategy === "initramfs") return { kind: "initramfs", codec: plugin.archive.compression, guestKernel };
  const { filesystem } = plugin;
  const { kernelName, name } = filesystem.type === "custom" ? filesystem.imager : { name: filesystem.type };
  return { kind: "rootfs", filesystem: kernelName ?? name, guestKernel };
}

/** Volant's, unless the config names another file than one of its releases'. */
function whoseKernel({ guest: { kernel } }: ResolvedPlugin): GuestKernel {
  if (typeof kernel === "string") return kernel;
  return "release" in kernel && kernel.repository === undefined ? "stock" : "custom";
}

/** What the agent needs to copy itself into the root at boot, with room to spare. */
const AGENT_COPY_BYTES = 32 * 2 ** 20;

/** A disk on which the agent's copy of itself would not fit. */
export function headroomWarnings(plugin: ResolvedPlugin): Warning[] {
  if (plugin.strategy !== "oci_rootfs" || whoseKernel(plugin) === "custom") return [];
  const { filesystem } = plugin;
  if (!("headroomBytes" in filesystem)) return [];
  const { sizeBytes, headroomBytes } = filesystem;
  if (sizeBytes !== undefined || headroomBytes >= AGENT_COPY_BYTES) return [];
  return [
    {
      message: `filesystem.headroom of ${formatSize(headroomBytes)} may be too little: the agent copies itself into the root when it boots`,
      hint: `plan ${formatSize(AGENT_COPY_BYTES)} at least`,
    },
  ];
}

/** An imager with the options that the plugin gives it. */
export type BoundImager = {
  readonly name: string;
  readonly suffix: string;
  readonly isBootable: boolean;
  /** What of its bytes does not come from the tree: its name and options; absent where that cannot be told. */
  readonly identity?: string;
  /** Whose code it is, when it is not fledge's. */
  readonly owner?: Owner;
  requirements(): readonly Requirement[];
  /** Absent where reading an artifact back takes nothing. */
  verifyRequirements?(): readonly Requirement[];
  write(tree: SealedTree, out: string, ctx: ImagerContext): Promise<ArtifactFacts>;
  /** Absent where an imager of the user's has none. */
  verify?(tree: SealedTree, image: string, ctx: ImagerContext): Promise<void>;
};

/** The imager of a plugin: one line per format. */
export function imagerFor(plugin: ResolvedPlugin): BoundImager {
  if (plugin.strategy === "initramfs") return bind(cpioImager, plugin.archive);
  const { filesystem } = plugin;
  switch (filesystem.type) {
    case "ext4":
      return filesystem.engine === "loop"
        ? bind(loopImager("ext4"), { ...filesystem, engine: "loop" })
        : bind(ext4Imager, filesystem);
    case "xfs":
    case "btrfs":
      return bind(loopImager(filesystem.type), filesystem);
    case "squashfs":
      return bind(squashfsImager, filesystem);
    case "tar":
      return bind(tarImager, filesystem);
    case "dir":
      return bind(dirImager, filesystem);
    case "custom":
      return {
        ...customImager(filesystem.imager),
        ...identityOf(filesystem.imager),
        owner: { who: `the imager "${filesystem.imager.name}"`, code: "image" },
      };
    default:
      return assertNever(filesystem);
  }
}

/** An imager of the user's says itself what its bytes depend on. */
function identityOf({ name, version }: CustomImager): { readonly identity?: string } {
  return version === undefined ? {} : { identity: `custom ${name} ${version}` };
}

function bind<Options>(imager: Imager<Options>, options: Options): BoundImager {
  return {
    name: imager.name,
    suffix: imager.suffix(options),
    isBootable: imager.isBootable,
    identity: `${imager.name} ${JSON.stringify(options)}`,
    requirements: () => imager.requirements(options),
    verifyRequirements: () => imager.verifyRequirements?.(options) ?? [],
    write: (tree, out, ctx) => imager.write(tree, out, options, ctx),
    verify: (tree, image, ctx) => imager.verify(tree, image, options, ctx),
  };
}
