import { assertNever, FledgeError } from "../../../lib/errors.ts";
import type { SealedEntry, SealedInode, SealedTree } from "../../../rootfs/seal.ts";
import { type ShownPath, shownPath } from "../../../rootfs/shown-path.ts";
import { blockRunsOf } from "../../holes.ts";
import { BLOCK_BYTES, EXTENT_MAX_BLOCKS, LINK_MAX, NAME_MAX } from "../structures/constants.ts";
import { DIR_ROOM, DOTS_BYTES, recordLength } from "../structures/directory.ts";
import type { HashSeed } from "../structures/dirhash.ts";
import { type HtreePlan, htreeBlockCount, planHtree } from "../structures/htree.ts";
import { assertStorableTime } from "../structures/inode.ts";
import { placeXattrs } from "../structures/xattr.ts";
import type { Roster } from "./roster.ts";

/** What each inode needs, by its position in the roster, before anything has an address. */
export type Measures = {
  /** 1 where attributes need a block. */
  readonly xattrBlocks: Uint8Array;
  /** Blocks of contents: a file's data, a directory's entries, a long symlink's target. */
  readonly contentBlocks: Uint32Array;
  /** Extents of the contents as long as no backup of the superblock stands in their way. */
  readonly extents: Uint32Array;
  /** The directories that outgrow one block. */
  readonly htrees: ReadonlyMap<number, HtreePlan>;
};

/** A target of up to this many bytes stands in the inode. */
export const FAST_SYMLINK_MAX = 59;
const SYMLINK_MAX: number = BLOCK_BYTES - 1;
/** What e2fsck needs to file orphans on a full disk; mke2fs preallocates as much. */
const LOST_FOUND_BLOCKS = 4;
const MAX_FILE_BLOCKS = 2 ** 32 - 1;

/** Checks that ext4 can hold every inode and counts its blocks. Throws an `image` error that names the path. */
export function measure(tree: SealedTree, roster: Roster, hashSeed: HashSeed): Measures {
  const count = roster.inodes.length;
  const measures = {
    xattrBlocks: new Uint8Array(count),
    contentBlocks: new Uint32Array(count),
    extents: new Uint32Array(count),
    htrees: new Map<number, HtreePlan>(),
  };
  if (roster.lostFound) {
    const position = roster.positionOf(roster.lostFound);
    measures.contentBlocks[position] = LOST_FOUND_BLOCKS;
    measures.extents[position] = 1;
  }
  for (const entry of tree.entries) {
    checkName(entry);
    if (!entry.isFirstName) continue;
    const path = shownPath(entry);
    checkMetadata(entry.inode, path);
    const position = roster.positionOf(entry.inode);
    measures.xattrBlocks[position] = placeXattrs(entry.inode.node.xattrs, path).block.length > 0 ? 1 : 0;
    // The roster's root has lost+found among its names.
    const inode = roster.inodes[position] as SealedInode;
    const { blocks, extents, htree } = measureContent(inode, path, hashSeed);
    measures.contentBlocks[position] = blocks;
    measures.extents[position] = extents;
    if (htree) measures.htrees.set(position, htree);
  }
  return measures;
}

type ContentMeasure = { readonly blocks: number; readonly extents: number; readonly htree?: HtreePlan };

const NO_CONTENT: ContentMeasure = { blocks: 0, extents: 0 };

function measureContent(inode: SealedInode, path: ShownPath, hashSeed: HashSeed): ContentMeasure {
  const { node } = inode;
  switch (node.type) {
    case "file": {
      let blocks = 0;
      let extents = 0;
      for (const run of blockRunsOf(node)) {
        blocks += run.count;
        extents += Math.ceil(run.count / EXTENT_MAX_BLOCKS);
      }
      if (node.size > MAX_FILE_BLOCKS * BLOCK_BYTES)
        throw unstorable(path, "is larger than a file of ext4 can be (16 TiB)");
      return { blocks, extents };
    }
    case "dir":
      return measureDirectory(inode, path, hashSeed);
    case "symlink": {
      const length = node.target.length;
      if (length === 0 || length > SYMLINK_MAX)
        throw unstorable(path, `has a target of ${length} bytes; ext4 takes 1 to ${SYMLINK_MAX}`);
      return length > FAST_SYMLINK_MAX ? { blocks: 1, extents: 1 } : NO_CONTENT;
    }
    case "char":
    case "block":
      if (!isUint(node.major, 12) || !isUint(node.minor, 20)) {
        throw unstorable(path, `has the device number ${node.major}:${node.minor}; Linux takes 12 and 20 bits`);
      }
      return NO_CONTENT;
    case "fifo":
    case "socket":
      return NO_CONTENT;
    default:
      return assertNever(node);
  }
}

function measureDirectory({ entries }: SealedInode, path: ShownPath, hashSeed: HashSeed): ContentMeasure {
  let bytes = DOTS_BYTES;
  for (const { name } of entries) bytes += recordLength(name.length);
  if (bytes <= DIR_ROOM) return { blocks: 1, extents: 1 };
  const names = entries.map(({ name }) => name);
  const htree = planHtree(names, hashSeed, path);
  const blocks = htreeBlockCount(htree);
  return { blocks, extents: Math.ceil(blocks / EXTENT_MAX_BLOCKS), htree };
}

function checkName(entry: SealedEntry): void {
  const { name } = entry;
  if (entry.inode.index === 0) return;
  if (name.length > NAME_MAX)
    throw unstorable(shownPath(entry), `has a name of ${name.length} bytes; ext4 takes ${NAME_MAX}`);
  if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) {
    throw unstorable(shownPath(entry), `has the name ${JSON.stringify(name)}, which no file can have`);
  }
}

function checkMetadata({ node, nlink, mtime }: SealedInode, path: ShownPath): void {
  if (!isUint(node.uid, 32) || !isUint(node.gid, 32)) {
    throw unstorable(path, `has the owner ${node.uid}:${node.gid}; ext4 takes numbers of 32 bits`);
  }
  if (node.type !== "dir" && nlink > LINK_MAX) throw unstorable(path, `has ${nlink} names; ext4 takes ${LINK_MAX}`);
  assertStorableTime(mtime, path);
}

function isUint(value: number, bits: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < 2 ** bits;
}

function unstorable(path: ShownPath, what: string): FledgeError {
  return new FledgeError("image", `${path} ${what}`);
}
