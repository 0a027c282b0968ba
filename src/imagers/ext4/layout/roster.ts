import { type ByteString, compareBytes } from "../../../lib/bytes.ts";
import { NO_XATTRS } from "../../../rootfs/node.ts";
import type { SealedEntry, SealedInode, SealedTree } from "../../../rootfs/seal.ts";
import { FIRST_INODE, ROOT_INODE } from "../structures/constants.ts";

/** Where e2fsck puts what it finds without a name. */
const LOST_FOUND: ByteString = "lost+found" as ByteString;

/**
 * The inodes of the image, by position: the root, lost+found where the tree has none, then the tree's in its order.
 * The root's number is 2, all others follow from 11 on, so numbers are dense.
 */
export type Roster = {
  readonly inodes: readonly SealedInode[];
  /** The position of one of the tree's inodes. */
  positionOf(inode: SealedInode): number;
  /** The folder that was added, or undefined. */
  readonly lostFound: SealedInode | undefined;
};

export function makeRoster(tree: SealedTree): Roster {
  const [root, ...others] = tree.inodes as readonly [SealedInode, ...SealedInode[]];
  if (root.entries.some((entry) => entry.name === LOST_FOUND)) {
    return { inodes: tree.inodes, positionOf: (inode) => inode.index, lostFound: undefined };
  }
  const lostFound = makeLostFound(root);
  const entry: SealedEntry = { path: LOST_FOUND, name: LOST_FOUND, inode: lostFound, isFirstName: true };
  const entries = [...root.entries, entry].sort((a, b) => compareBytes(a.name, b.name));
  return {
    inodes: [{ ...root, nlink: root.nlink + 1, entries }, lostFound, ...others],
    positionOf: (inode) => (inode === lostFound ? 1 : inode.index === 0 ? 0 : inode.index + 1),
    lostFound,
  };
}

export function inodeNumberOf(position: number): number {
  return position === 0 ? ROOT_INODE : FIRST_INODE - 1 + position;
}

/** What mke2fs would make, with the time of the folder it stands in. */
function makeLostFound(root: SealedInode): SealedInode {
  const { mtime } = root;
  return {
    node: { type: "dir", mode: 0o700, uid: 0, gid: 0, mtime, xattrs: NO_XATTRS, children: new Map() },
    index: Number.NaN,
    nlink: 2,
    mtime,
    entries: [],
  };
}
