import { createReadStream } from "node:fs";
import { applyLayer } from "./layers/apply.ts";
import { NO_LIMITS } from "./limits.ts";
import { type SealedTree, sealTree } from "./seal.ts";
import { indexTar } from "./tar/read.ts";
import { RootfsTree } from "./tree.ts";

/**
 * The tree that an uncompressed tar archive holds, its contents pointing into the archive. Throws a `source` error for a
 * damaged one.
 */
export async function treeOfTar(archive: string, signal: AbortSignal): Promise<SealedTree> {
  const tree = new RootfsTree();
  const bytes = createReadStream(archive, { highWaterMark: 1024 * 1024 });
  const entries = () => indexTar(bytes, { label: archive, storedFile: archive, limits: NO_LIMITS, signal });
  await applyLayer(tree.root, { label: archive, entries }, { limits: NO_LIMITS, signal });
  return sealTree(tree.root);
}
