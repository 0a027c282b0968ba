import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { ArtifactFacts } from "../../src/contract/imager.ts";
import { planExt4 } from "../../src/imagers/ext4/layout/plan.ts";
import { type ResolvedExt4Options, resolveExt4Options } from "../../src/imagers/ext4/options.ts";
import { writeExt4 } from "../../src/imagers/ext4/writer/write.ts";
import type { SealedTree } from "../../src/rootfs/seal.ts";
import { quietContext, withFolder } from "./disk.ts";

export function ext4Options(changes: Partial<ResolvedExt4Options> = {}): ResolvedExt4Options {
  return { ...resolveExt4Options({ type: "ext4", headroom: "1M" }, "test"), ...changes };
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
