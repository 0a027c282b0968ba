import { rm } from "node:fs/promises";
import { pipeThrough } from "../../lib/exec.ts";
import { chooseTool } from "../../lib/requirements.ts";
import type { SealedTree } from "../../rootfs/seal.ts";
import { treeOfTar } from "../../rootfs/tar-tree.ts";
import { compareTrees, readingBack } from "../compare.ts";
import type { ImagerContext } from "../imager.ts";
import { writeHashed } from "../sink.ts";
import { KEPT } from "./limits.ts";
import type { ResolvedSquashfsOptions } from "./options.ts";
import { SQFS2TAR } from "./packers.ts";

/** Has another tool than the writer's turn the image into a tar, and compares that. Needs the space of the unpacked tree. */
export async function verifySquashfs(
  tree: SealedTree,
  image: string,
  _options: ResolvedSquashfsOptions,
  ctx: ImagerContext,
): Promise<void> {
  const { path } = await chooseTool([SQFS2TAR], ctx);
  // Beside the image: that folder is the build's, and swept when a build has died.
  const archive = `${image}.tar`;
  try {
    await readingBack(image, async () => {
      const nothing: AsyncIterable<Uint8Array> = (async function* () {})();
      await writeHashed(archive, pipeThrough(path, ["--root-becomes", ".", "--no-skip", image], nothing, ctx), ctx);
      await compareTrees(tree, await treeOfTar(archive, ctx.signal), KEPT, ctx);
    });
  } finally {
    await rm(archive, { force: true });
  }
}
