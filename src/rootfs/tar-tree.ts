import { fileBytes } from "../lib/files/file-bytes.ts";
import { applyLayer } from "./layers/apply.ts";
import { type LayerLimits, NO_LIMITS } from "./limits.ts";
import { type SealedTree, sealTree } from "./seal.ts";
import { indexTar } from "./tar/read.ts";
import { RootfsTree } from "./tree.ts";

export type TarTreeOptions = {
  /** What errors call it; default its path. */
  readonly label?: string;
  /** Default none, for archives of our own. */
  readonly limits?: LayerLimits;
};

/**
 * The tree that an uncompressed tar archive holds, its contents pointing into the archive. Throws a `source` error for a
 * damaged one, and for one that asks for more than the limits.
 */
export async function treeOfTar(
  archive: string,
  signal: AbortSignal,
  { label = archive, limits = NO_LIMITS }: TarTreeOptions = {},
): Promise<SealedTree> {
  const tree = new RootfsTree();
  const bytes = fileBytes(archive, signal, { chunkBytes: 1024 * 1024 });
  const entries = () => indexTar(bytes, { label, storedFile: archive, limits, signal });
  await applyLayer(tree.root, { label, entries }, { limits, signal });
  return sealTree(tree.root);
}
