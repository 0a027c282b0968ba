import type { Imager } from "../../contract/imager.ts";
import { writeTar } from "../../rootfs/tar/write.ts";
import { treeOfTar } from "../../rootfs/tar-tree.ts";
import { compareTrees, type Kept, readingBack } from "../compare.ts";
import { writeHashed } from "../sink.ts";
import type { ResolvedTarOptions } from "./options.ts";

const KEPT: Kept = { inode: ({ type }) => type !== "socket" };

/** The tree as an uncompressed PAX archive: what it is, for other tools and for a look at it. */
export const tarImager: Imager<ResolvedTarOptions> = {
  name: "tar",
  suffix: () => "-rootfs.tar",
  isBootable: false,
  requirements: () => [],
  write: (tree, out, { sparse }, ctx) =>
    writeHashed(out, writeTar(tree, ctx, { sparse: sparse ? "gnu" : undefined }), ctx),
  verify: async (tree, image, _options, ctx) => {
    const found = await readingBack(image, () => treeOfTar(image, ctx.signal));
    await compareTrees(tree, found, KEPT, ctx);
  },
};
