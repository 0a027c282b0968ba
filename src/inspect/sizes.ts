import { toText } from "../lib/bytes.ts";
import type { SealedEntry, SealedInode, SealedTree } from "../rootfs/seal.ts";

/** A path and the bytes of the files in it, hard links counted once, at their first name. */
export type SizedPath = { readonly path: string; readonly bytes: number };

/** The largest files and folders, largest first, those of one size in the order of the tree. */
export function largestOf(tree: SealedTree, count: number): { files: SizedPath[]; folders: SizedPath[] } {
  const bytes = bytesOf(tree);
  const top = (type: "file" | "dir"): SizedPath[] =>
    tree.entries
      .filter(({ isFirstName, inode }) => isFirstName && inode.node.type === type && inode.index !== 0)
      .filter(({ inode }) => at(bytes, inode) > 0)
      .sort((a, b) => at(bytes, b.inode) - at(bytes, a.inode))
      .slice(0, count)
      .map(({ path, inode }) => ({ path: `/${toText(path)}`, bytes: at(bytes, inode) }));
  return { files: top("file"), folders: top("dir") };
}

/** Of each inode by its index: of a folder all that is below it. */
function bytesOf({ inodes }: SealedTree): Float64Array {
  const bytes = new Float64Array(inodes.length);
  // From the last to the first a folder comes after all that is in it.
  for (const inode of inodes.toReversed()) {
    if (inode.node.type === "file") bytes[inode.index] = inode.node.size;
    if (inode.node.type === "dir")
      bytes[inode.index] = inode.entries.reduce((sum, entry) => sum + own(bytes, entry), 0);
  }
  return bytes;
}

function own(bytes: Float64Array, { isFirstName, inode }: SealedEntry): number {
  return isFirstName ? at(bytes, inode) : 0;
}

function at(bytes: Float64Array, { index }: SealedInode): number {
  return bytes[index] as number;
}
