import { rm } from "node:fs/promises";
import type { ImagerContext } from "../contract/imager.ts";
import type { SealedTree } from "../rootfs/seal.ts";
import { treeOfTar } from "../rootfs/tar-tree.ts";
import { compareTrees, type Kept, readingBack } from "./compare.ts";
import { writeHashed } from "./sink.ts";

/** Compares an artifact by way of the tar that a program makes of it. For its time that takes the space of the unpacked tree. */
export async function verifyAsTar(
  tree: SealedTree,
  image: string,
  { packed, kept }: { readonly packed: AsyncIterable<Uint8Array>; readonly kept: Kept },
  ctx: ImagerContext,
): Promise<void> {
  // Beside the artifact, under a name that is swept with it when a build has died.
  const archive = `${image}.tar`;
  try {
    await readingBack(image, async () => {
      await writeHashed(archive, packed, ctx);
      await compareTrees(tree, await treeOfTar(archive, ctx.signal), kept, ctx);
    });
  } finally {
    await rm(archive, { force: true });
  }
}
