import { assertNever } from "../../../lib/errors.ts";
import type { InodeType } from "../../../rootfs/node.ts";
import type { SealedInode } from "../../../rootfs/seal.ts";
import { FAST_SYMLINK_MAX } from "../layout/measure.ts";
import { type Ext4Plan, extentsOf, journalExtentsOf, treeAddressesOf, xattrBlockOf } from "../layout/plan.ts";
import { inodeNumberOf } from "../layout/roster.ts";
import {
  BLOCK_BYTES,
  EXT4_EXTENTS_FL,
  EXT4_INDEX_FL,
  INODE_BYTES,
  JOURNAL_INODE,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFREG,
  S_IFSOCK,
} from "../structures/constants.ts";
import { buildTree, encodeRoot } from "../structures/extent.ts";
import { encodeDevice, encodeInode, iBlockOf, inodeSeedOf, sealInode } from "../structures/inode.ts";
import { encodeInodeXattrs, placeXattrs } from "../structures/xattr.ts";

/** Writes the inode at `position` of the roster into 256 zeroed bytes. */
export function encodeRosterInode(out: Buffer, plan: Ext4Plan, position: number): void {
  const inode = plan.roster.inodes[position] as SealedInode;
  const { node } = inode;
  const usesExtents = hasExtents(inode);
  const blocks = (plan.measures.contentBlocks[position] as number) + (plan.measures.xattrBlocks[position] as number);
  const extents = usesExtents ? extentsOf(plan, position) : [];
  // What the plan set aside for the tree may be more than it needs.
  const tree = buildTree(extents, treeAddressesOf(plan, position, plan.treeBlocks[position] as number));
  encodeInode(out, {
    mode: typeBitsOf(node.type) | (node.mode & 0o7777),
    uid: node.uid,
    gid: node.gid,
    mtime: inode.mtime,
    links: inode.nlink,
    sizeBytes: sizeOf(inode, plan.measures.contentBlocks[position] as number),
    blocks: blocks + tree.blocks.length,
    flags: (usesExtents ? EXT4_EXTENTS_FL : 0) | (plan.measures.htrees.has(position) ? EXT4_INDEX_FL : 0),
    xattrBlock: xattrBlockOf(plan, position),
  });
  const iBlock = iBlockOf(out);
  if (usesExtents) encodeRoot(iBlock, tree.root);
  else if (node.type === "symlink") iBlock.write(node.target, 0, "latin1");
  else if (node.type === "char" || node.type === "block") encodeDevice(iBlock, node.major, node.minor);
  if (node.xattrs.size > 0) encodeInodeXattrs(out, placeXattrs(node.xattrs, "").inode);
  sealInode(out, inodeSeedOf(plan.seed, inodeNumberOf(position)));
}

/** Writes one of the inodes 1 to 10 but the root: the journal's, or an unused one, which is zero but for its checksum. */
export function encodeReservedInode(out: Buffer, plan: Ext4Plan, inodeNumber: number): void {
  if (inodeNumber === JOURNAL_INODE && plan.journalBlocks > 0) encodeJournalInode(out, plan);
  sealInode(out, inodeSeedOf(plan.seed, inodeNumber));
}

/** The journal's inode as the superblock backs it up. */
export function journalIBlock(plan: Ext4Plan): Buffer {
  const inode = Buffer.alloc(INODE_BYTES);
  encodeJournalInode(inode, plan);
  return iBlockOf(inode);
}

function encodeJournalInode(out: Buffer, plan: Ext4Plan): void {
  encodeInode(out, {
    mode: S_IFREG | 0o600,
    uid: 0,
    gid: 0,
    mtime: { sec: 0, nsec: 0 },
    links: 1,
    sizeBytes: plan.journalBlocks * BLOCK_BYTES,
    blocks: plan.journalBlocks,
    flags: EXT4_EXTENTS_FL,
    xattrBlock: 0,
  });
  encodeRoot(iBlockOf(out), buildTree(journalExtentsOf(plan), []).root);
}

function hasExtents({ node }: SealedInode): boolean {
  switch (node.type) {
    case "file":
    case "dir":
      return true;
    case "symlink":
      return node.target.length > FAST_SYMLINK_MAX;
    case "char":
    case "block":
    case "fifo":
    case "socket":
      return false;
    default:
      return assertNever(node);
  }
}

function sizeOf({ node }: SealedInode, contentBlocks: number): number {
  switch (node.type) {
    case "file":
      return node.size;
    case "dir":
      return contentBlocks * BLOCK_BYTES;
    case "symlink":
      return node.target.length;
    case "char":
    case "block":
    case "fifo":
    case "socket":
      return 0;
    default:
      return assertNever(node);
  }
}

function typeBitsOf(type: InodeType): number {
  switch (type) {
    case "file":
      return S_IFREG;
    case "dir":
      return S_IFDIR;
    case "symlink":
      return S_IFLNK;
    case "char":
      return S_IFCHR;
    case "block":
      return S_IFBLK;
    case "fifo":
      return S_IFIFO;
    case "socket":
      return S_IFSOCK;
    default:
      return assertNever(type);
  }
}
