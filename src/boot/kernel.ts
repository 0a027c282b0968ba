import { accessSync, constants, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { FledgeError } from "../lib/errors.ts";
import type { Architecture, KernelFile, Surroundings } from "./contract.ts";
import { configInside, readKernelImage } from "./kernel-image.ts";

/** A kernel to boot, and what is known of it. */
export type Kernel = KernelFile & {
  /** How it came to be this one. */
  readonly from: "given" | "the config's" | "FLEDGE_KERNEL" | "this machine's";
  /** As `uname -r` has it, where that can be told. */
  readonly release?: string;
  /** The folder of its modules, where this machine has them. */
  readonly modules?: string;
  /** The text of its configuration, where it lies beside it or is in it. */
  readonly config?: string;
};

/** What there is to choose from, the first wins: a file that is given, one of the config's, and the guest's processor. */
export type KernelWish = {
  readonly given?: string | undefined;
  readonly configured?: string | undefined;
  readonly architecture?: Architecture | undefined;
};

/** What a machine has of kernels and their modules; another one in tests. */
export type KernelPlaces = { readonly boot: string; readonly modules: string };

const PLACES: KernelPlaces = { boot: "/boot", modules: "/lib/modules" };

/**
 * The kernel that is given, that of the config, that of FLEDGE_KERNEL, or the newest of this machine that can be read.
 * Throws a `tool` error where there is none, and a `usage` error for one of another processor.
 */
export async function findKernel(
  wish: KernelWish,
  around: Surroundings,
  places: KernelPlaces = PLACES,
): Promise<Kernel> {
  const { architecture } = wish;
  const [path, from] = chosen(wish, around, places);
  const image = readKernelImage(path);
  if (image === undefined) {
    throw new FledgeError("usage", `${path} is no kernel: neither a bzImage, nor a vmlinux, nor an Image of arm64`, {
      hint: "a kernel of Debian's is called /boot/vmlinuz-*, that of a Volant release bzImage",
    });
  }
  if (architecture !== undefined && image.architecture !== architecture) {
    throw new FledgeError(
      "usage",
      `the guest is for ${architecture}, and the kernel ${path} for ${image.architecture}`,
      {
        hint: `name a kernel for ${architecture} with --kernel, or build the plugin with --platform linux/${image.architecture}`,
      },
    );
  }
  const modules = image.release === undefined ? undefined : modulesOf(path, image.release, places);
  const beside = ["kernel.config", `config-${image.release}`].map((name) => textOf(join(dirname(path), name)));
  const config = beside.find((text) => text !== undefined) ?? (await configInside(path, around));
  return {
    ...{ path, from, ...image },
    ...(modules !== undefined && { modules }),
    ...(config !== undefined && { config }),
  };
}

/** Whether an option is built into a kernel; undefined where its configuration is not known. */
export function hasOption({ config }: Pick<Kernel, "config">, option: string): boolean | undefined {
  return config === undefined ? undefined : new RegExp(`^CONFIG_${option}=y$`, "m").test(config);
}

function chosen(
  { given, configured, architecture }: KernelWish,
  { env }: Surroundings,
  places: KernelPlaces,
): readonly [path: string, from: Kernel["from"]] {
  if (given !== undefined) return [resolve(given), "given"];
  if (configured !== undefined) return [configured, "the config's"];
  if (env.FLEDGE_KERNEL) return [resolve(env.FLEDGE_KERNEL), "FLEDGE_KERNEL"];
  const path = newestKernel(places.boot, architecture);
  if (path !== undefined) return [path, "this machine's"];
  const which = architecture === undefined ? "no kernel" : `no kernel for ${architecture}`;
  throw new FledgeError("tool", `${which} that this user can read in ${places.boot}; needed to boot the guest`, {
    hint:
      architecture === "arm64" && process.arch !== "arm64"
        ? "--kernel FILE (or FLEDGE_KERNEL), for instance that of Debian's package linux-image-cloud-arm64"
        : "--kernel FILE (or FLEDGE_KERNEL), or sudo apt-get install -y linux-image-cloud-amd64 (Ubuntu: linux-image-kvm, and sudo chmod a+r /boot/vmlinuz-*)",
  });
}

/** Those made for guests first: they start sooner and have the least as modules. */
function newestKernel(folder: string, architecture: Architecture | undefined): string | undefined {
  const isForGuests = (name: string): number => Number(/-(cloud|kvm|virtual)/.test(name));
  return namesIn(folder)
    .filter((name) => name.startsWith("vmlinuz-"))
    .sort((a, b) => isForGuests(b) - isForGuests(a) || b.localeCompare(a, "en", { numeric: true }))
    .map((name) => join(folder, name))
    .filter(isReadable)
    .find((path) => architecture === undefined || readKernelImage(path)?.architecture === architecture);
}

/** As on a machine that runs it; or as its package has both, unpacked somewhere else. */
function modulesOf(path: string, release: string, places: KernelPlaces): string | undefined {
  const folders = [join(dirname(path), "../lib/modules", release), join(places.modules, release)];
  return folders.find((folder) => isReadable(join(folder, "modules.dep")));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // none is installed
  }
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
