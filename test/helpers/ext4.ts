import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ResolvedExt4Options, resolveExt4Options } from "../../src/imagers/ext4/options.ts";
import { planExt4 } from "../../src/imagers/ext4/plan.ts";
import { writeExt4 } from "../../src/imagers/ext4/write.ts";
import type { ArtifactFacts, ImagerContext } from "../../src/imagers/imager.ts";
import type { SealedTree } from "../../src/rootfs/seal.ts";

/** The context of an imager that nobody watches. */
export function quietContext(signal: AbortSignal = new AbortController().signal): ImagerContext {
  return { signal, env: {}, progress: () => {}, warn: () => {}, log: () => {} };
}

export function ext4Options(changes: Partial<ResolvedExt4Options> = {}): ResolvedExt4Options {
  return { ...resolveExt4Options({ type: "ext4", headroom: "1M" }, "test"), ...changes };
}

/** Runs a program; returns its output, or throws with all it said. */
export function run(command: string, args: readonly string[], encoding: "utf8" | "latin1" = "utf8"): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding, maxBuffer: 1 << 28 });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

/** A folder that is gone when the body ends. */
export async function withFolder<T>(body: (folder: string) => Promise<T> | T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "fledge-ext4-"));
  try {
    return await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Writes the tree, has e2fsck look at it, and hands the image to the body. */
export async function withImage<T>(
  tree: SealedTree,
  options: ResolvedExt4Options,
  body: (image: string, facts: ArtifactFacts, folder: string) => Promise<T> | T,
): Promise<T> {
  return withFolder(async (folder) => {
    const image = join(folder, "test.img");
    const facts = await writeExt4(planExt4(tree, options), image, { sparse: !options.preallocate }, quietContext());
    fsck(image);
    return body(image, facts, folder);
  });
}

/** `e2fsck -fn` must find nothing at all. */
export function fsck(image: string): void {
  const { status, stdout, stderr } = spawnSync("e2fsck", ["-fn", image], { encoding: "utf8" });
  const complaints = stdout.split("\n").filter((line) => line !== "" && !/^Pass \d|^.*: \d+\/\d+ files/.test(line));
  if (status !== 0 || complaints.length > 0) throw new Error(`e2fsck -fn ended with ${status}:\n${stdout}${stderr}`);
}

/** Mounts the image and hands its folder to the body; unmounts whatever happens. */
export async function withMount<T>(
  image: string,
  mode: "ro" | "rw",
  body: (mountPoint: string) => Promise<T> | T,
): Promise<T> {
  return withFolder(async (mountPoint) => {
    run("mount", ["-t", "ext4", "-o", `loop,${mode}`, image, mountPoint]);
    try {
      return await body(mountPoint);
    } finally {
      run("umount", [mountPoint]);
    }
  });
}
