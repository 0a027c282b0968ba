import type { SealedTree } from "../../rootfs/seal.ts";
import { blockRunsOf } from "../holes.ts";

/** What a tree asks of any filesystem, before it adds what is its own. */
export type Usage = {
  readonly inodes: number;
  readonly directories: number;
  /** Blocks of 4 KiB with data of regular files. */
  readonly dataBlocks: number;
  /** Files of one such block that some filesystems keep beside the inode, and their bytes. */
  readonly smallFiles: number;
  readonly smallBytes: number;
  /** Runs of such blocks. */
  readonly extents: number;
  /** Names, and their bytes. */
  readonly names: number;
  readonly nameBytes: number;
  /** Symlinks, and the bytes of their targets. */
  readonly symlinks: number;
  readonly targetBytes: number;
  /** Extended attributes, and the bytes of names and values. */
  readonly xattrs: number;
  readonly xattrBytes: number;
};

/** What btrfs keeps inline (its mount option max_inline). */
const SMALL_BYTES = 2048;

/** Counts it; linear in the number of names. */
export function usageOf(tree: SealedTree): Usage {
  const usage = {
    ...{ directories: 0, dataBlocks: 0, smallFiles: 0, smallBytes: 0, extents: 0 },
    ...{ nameBytes: 0, symlinks: 0, targetBytes: 0, xattrs: 0, xattrBytes: 0 },
  };
  for (const { name } of tree.entries) usage.nameBytes += name.length;
  for (const { node } of tree.inodes) {
    for (const [name, value] of node.xattrs) {
      usage.xattrs += 1;
      usage.xattrBytes += name.length + value.length;
    }
    if (node.type === "dir") usage.directories += 1;
    if (node.type === "symlink") {
      usage.symlinks += 1;
      usage.targetBytes += node.target.length;
    }
    if (node.type !== "file" || node.size === 0) continue;
    const runs = blockRunsOf(node);
    if (node.size <= SMALL_BYTES && runs.length > 0) {
      usage.smallFiles += 1;
      usage.smallBytes += node.size;
    }
    for (const { count } of runs) {
      usage.dataBlocks += count;
      usage.extents += 1;
    }
  }
  return { ...usage, inodes: tree.inodes.length, names: tree.entries.length };
}
