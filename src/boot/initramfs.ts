import { createReadStream, createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { machineObjection } from "../guest/executables.ts";
import { archiveBlocks } from "../imagers/cpio/archive.ts";
import type { Env } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import { ioError } from "../lib/files/io-error.ts";
import { findOnPath, requireTool, type Tool } from "../lib/process/tools.ts";
import { readElf } from "../rootfs/elf.ts";
import { sealTree } from "../rootfs/seal.ts";
import { RootfsTree } from "../rootfs/tree.ts";
import type { Architecture, Surroundings } from "./contract.ts";
import { firstStage, responder, STAGE_FOLDER, startScript } from "./first-stage.ts";
import type { KernelModule } from "./modules.ts";
import type { Bootable } from "./subject.ts";

const BUSYBOX: Tool = {
  name: "busybox",
  package: "busybox-static",
  reason: "do the first steps in the guest, which are the agent's on Volant",
};

/** What a first stage brings besides itself. */
export type StageParts = {
  readonly modules: readonly KernelModule[];
  /** Whether programs can be run in the guest. */
  readonly hasChannel: boolean;
};

/** Whether something has to be done in the guest before the artifact's own first process. */
export function needsFirstStage({ medium }: Bootable, { modules, hasChannel }: StageParts): boolean {
  return medium.kind === "rootfs" || modules.length > 0 || hasChannel;
}

function busyboxIn(env: Env): string | undefined {
  return env.FLEDGE_BUSYBOX || findOnPath(BUSYBOX.name, env);
}

/** FLEDGE_BUSYBOX, else that of this machine. Throws a `tool` error where the guest's processor cannot run it alone. */
export function checkBusybox(architecture: Architecture, around: Surroundings): string {
  const path = busyboxIn(around.env) ?? requireTool(BUSYBOX, around.env);
  const tree = new RootfsTree();
  tree.copyFromHost(path, "/busybox");
  const elf = readElf((offset, length) => tree.readRange("/busybox", offset, length));
  if (elf?.interpreter !== undefined) {
    throw new FledgeError("tool", `${path} needs libraries, which the guest does not have at first`, {
      hint: "sudo apt-get install -y busybox-static",
    });
  }
  if (elf !== undefined && machineObjection(elf, architecture) === undefined) return path;
  throw new FledgeError("tool", `${path} does not run on the guest's ${architecture}; needed to ${BUSYBOX.reason}`, {
    hint: `FLEDGE_BUSYBOX names one that does, such as bin/busybox of Debian's busybox-static for ${architecture}`,
  });
}

/**
 * Writes what the kernel unpacks: the first stage, then for an initramfs the artifact, byte for byte as it is. The
 * kernel takes several archives in a row, a packed one last, since not every codec knows its own end.
 */
export async function writeInitramfs(
  path: string,
  subject: Bootable,
  parts: StageParts,
  around: Surroundings,
): Promise<void> {
  const { medium, artifact } = subject;
  const tree = stageTree(subject, parts, busyboxIn(around.env) ?? "");
  const ctx = { signal: around.signal, env: around.env, progress: () => {}, warn: () => {}, log: () => {} };
  const all = async function* (): AsyncGenerator<Uint8Array> {
    yield* archiveBlocks(sealTree(tree.root), ctx);
    if (medium.kind === "initramfs") yield* createReadStream(artifact);
  };
  try {
    await pipeline(all, createWriteStream(path), { signal: around.signal });
  } catch (error) {
    throw ioError(error, "write", path);
  }
}

function stageTree({ medium, manifest }: Bootable, { modules, hasChannel }: StageParts, busybox: string): RootfsTree {
  const tree = new RootfsTree();
  tree.mkdir(`${STAGE_FOLDER}/modules`);
  tree.copyFromHost(busybox, `${STAGE_FOLDER}/busybox`);
  tree.chmod(`${STAGE_FOLDER}/busybox`, 0o755);
  for (const { name, data } of modules) tree.writeFile(`${STAGE_FOLDER}/modules/${name}.ko`, data);
  const names = modules.map(({ name }) => name);
  const stage = firstStage(names, { hasChannel, ...(medium.kind === "rootfs" && { filesystem: medium.filesystem }) });
  tree.writeFile(`${STAGE_FOLDER}/init`, stage, { mode: 0o755 });
  if (hasChannel) {
    tree.writeFile(`${STAGE_FOLDER}/answer`, responder(medium.kind));
    tree.mkdir("/dev");
    tree.mknod("/dev/null", { type: "char", major: 1, minor: 3, mode: 0o666 }); // a shell wants it for what it leaves running
  }
  if (medium.kind === "rootfs" && manifest !== undefined) {
    tree.writeFile(`${STAGE_FOLDER}/start`, startScript(manifest));
    tree.link(`${STAGE_FOLDER}/init`, "/init"); // without it switch_root does not take this for an initramfs
    tree.mkdir("/dev");
    tree.mknod("/dev/console", { type: "char", major: 5, minor: 1, mode: 0o600 });
  }
  return tree;
}
