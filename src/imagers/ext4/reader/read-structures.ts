import type { ByteString } from "../../../lib/bytes.ts";
import { FledgeError } from "../../../lib/errors.ts";
import type { Mtime } from "../../../rootfs/node.ts";
import { BLOCK_BYTES, INODE_BYTES, SUPER_MAGIC, XATTR_MAGIC } from "../structures/constants.ts";
import { crc32c } from "../structures/crc32c.ts";

/**
 * The reading side of the structures, written from the kernel's documentation and not from the writer: what it shares
 * with that is numbers and the checksum function.
 */
export type Superblock = {
  readonly blocks: number;
  readonly inodes: number;
  readonly freeBlocks: number;
  readonly freeInodes: number;
  readonly blocksPerGroup: number;
  readonly inodesPerGroup: number;
  readonly groups: number;
  readonly seed: number;
  readonly uuid: string;
  readonly label: string;
  /** False while it is mounted, and after a guest that ended without unmounting it. */
  readonly isClean: boolean;
};

export type GroupDescriptor = {
  readonly blockBitmap: number;
  readonly inodeBitmap: number;
  readonly inodeTable: number;
  readonly freeBlocks: number;
  readonly freeInodes: number;
  readonly blockBitmapChecksum: number;
  readonly inodeBitmapChecksum: number;
};

/** An inode as it is on disk, its i_block still raw. */
export type DiskInode = {
  readonly number: number;
  /** Type bits and 07777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly links: number;
  readonly sectors: number;
  readonly flags: number;
  /** fledge writes 0; a kernel does not. */
  readonly generation: number;
  readonly mtime: Mtime;
  readonly atime: Mtime;
  readonly ctime: Mtime;
  readonly crtime: Mtime;
  readonly iBlock: Buffer;
  readonly xattrBlock: number;
  /** What stands behind the fields. */
  readonly tail: Buffer;
};

export type DiskEntry = { readonly name: ByteString; readonly inodeNumber: number; readonly fileType: number };

/** A `verify` error; the caller that knows a path puts it in front. */
export function damaged(what: string): FledgeError {
  return new FledgeError("verify", what);
}

/** Parses the 1024 bytes of a superblock and checks magic, checksum and block size. */
export function parseSuperblock(raw: Buffer): Superblock {
  if (raw.readUInt16LE(56) !== SUPER_MAGIC) throw damaged("the superblock has no ext4 magic number");
  if (raw.readUInt32LE(1020) !== crc32c(0xffffffff, raw.subarray(0, 1020))) {
    throw damaged("the checksum of the superblock is wrong");
  }
  if (1024 << raw.readUInt32LE(24) !== BLOCK_BYTES) throw damaged("the block size is not 4096");
  if (raw.readUInt16LE(88) !== INODE_BYTES) throw damaged("the inode size is not 256");
  const uuid = raw.subarray(104, 120);
  const blocks = raw.readUInt32LE(4);
  const blocksPerGroup = raw.readUInt32LE(32);
  return {
    blocks,
    inodes: raw.readUInt32LE(0),
    freeBlocks: raw.readUInt32LE(12),
    freeInodes: raw.readUInt32LE(16),
    blocksPerGroup,
    inodesPerGroup: raw.readUInt32LE(40),
    groups: Math.ceil(blocks / blocksPerGroup),
    seed: crc32c(0xffffffff, uuid),
    // EXT4_VALID_FS, and no EXT4_FEATURE_INCOMPAT_RECOVER.
    isClean: (raw.readUInt16LE(58) & 1) === 1 && (raw.readUInt32LE(96) & 4) === 0,
    uuid: uuid.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"),
    label: raw.subarray(120, 136).toString("utf8").replace(/\0+$/, ""),
  };
}

export function parseDescriptor(raw: Buffer, group: number, seed: number): GroupDescriptor {
  const number = Buffer.alloc(4);
  number.writeUInt32LE(group);
  const zeroed = Buffer.concat([number, raw.subarray(0, 30), Buffer.alloc(2)]);
  if (raw.readUInt16LE(30) !== (crc32c(seed, zeroed) & 0xffff)) {
    throw damaged(`the checksum of the descriptor of group ${group} is wrong`);
  }
  return {
    blockBitmap: raw.readUInt32LE(0),
    inodeBitmap: raw.readUInt32LE(4),
    inodeTable: raw.readUInt32LE(8),
    freeBlocks: raw.readUInt16LE(12),
    freeInodes: raw.readUInt16LE(14),
    blockBitmapChecksum: raw.readUInt16LE(24),
    inodeBitmapChecksum: raw.readUInt16LE(26),
  };
}

/** The seed of what belongs to an inode: its number and its generation. */
export function seedOfInode(seed: number, inodeNumber: number, generation: number): number {
  const words = Buffer.alloc(8);
  words.writeUInt32LE(inodeNumber, 0);
  words.writeUInt32LE(generation, 4);
  return crc32c(seed, words);
}

export function parseInode(raw: Buffer, number: number, seed: number): DiskInode {
  const zeroed = Buffer.from(raw);
  zeroed.writeUInt16LE(0, 124);
  zeroed.writeUInt16LE(0, 130);
  const checksum = crc32c(seedOfInode(seed, number, raw.readUInt32LE(100)), zeroed);
  // An unused inode has no extra fields, and so no place for the upper half.
  const upper = raw.readUInt16LE(128) === 0 ? 0 : checksum >>> 16;
  if (raw.readUInt16LE(124) !== (checksum & 0xffff) || raw.readUInt16LE(130) !== upper) {
    throw damaged(`the checksum of inode ${number} is wrong`);
  }
  return {
    number,
    mode: raw.readUInt16LE(0),
    uid: raw.readUInt16LE(2) + raw.readUInt16LE(120) * 65536,
    gid: raw.readUInt16LE(24) + raw.readUInt16LE(122) * 65536,
    size: raw.readUInt32LE(4) + raw.readUInt32LE(108) * 2 ** 32,
    links: raw.readUInt16LE(26),
    sectors: raw.readUInt32LE(28) + raw.readUInt16LE(116) * 2 ** 32,
    flags: raw.readUInt32LE(32),
    generation: raw.readUInt32LE(100),
    atime: parseTime(raw, 8, 140),
    ctime: parseTime(raw, 12, 132),
    mtime: parseTime(raw, 16, 136),
    crtime: parseTime(raw, 144, 148),
    iBlock: raw.subarray(40, 100),
    xattrBlock: raw.readUInt32LE(104) + raw.readUInt16LE(118) * 2 ** 32,
    tail: raw.subarray(128 + raw.readUInt16LE(128)),
  };
}

/** The entries of a directory block, without those that are unused. Its tail must be there, and its checksum right. */
export function parseDirBlock(block: Buffer, inodeSeed: number, where: string): DiskEntry[] {
  const tail = BLOCK_BYTES - 12;
  const hasTail =
    block.readUInt32LE(tail) === 0 && block.readUInt16LE(tail + 4) === 12 && block.readUInt16LE(tail + 6) === 0xde00;
  if (!hasTail || block.readUInt32LE(tail + 8) !== crc32c(inodeSeed, block, 0, tail)) {
    throw damaged(`the checksum of ${where} is wrong`);
  }
  return parseEntries(block, tail, where);
}

/** An inner block of a hash tree: the names in it ("." and ".." in the root) and the logical blocks that it points at. */
export type IndexBlock = {
  readonly entries: readonly DiskEntry[];
  readonly children: readonly number[];
  /** Levels below the root; 0 for another block. */
  readonly levels: number;
};

/** Checks what the kernel checks of a dx_root or dx_node (`dx_csum_verify`, `dx_probe` in fs/ext4/namei.c). */
export function parseIndexBlock(block: Buffer, inodeSeed: number, at: { isRoot: boolean; where: string }): IndexBlock {
  const countAt = at.isRoot ? 32 : 8;
  const limit = block.readUInt16LE(countAt);
  const count = block.readUInt16LE(countAt + 2);
  const tail = BLOCK_BYTES - 8;
  if (limit !== (tail - countAt) / 8 || count < 1 || count > limit)
    throw damaged(`the index in ${at.where} is too full`);
  const used = crc32c(inodeSeed, block, 0, countAt + count * 8);
  const zeroed = Buffer.concat([block.subarray(tail, tail + 4), Buffer.alloc(4)]);
  if (block.readUInt32LE(tail + 4) !== crc32c(used, zeroed)) throw damaged(`the checksum of ${at.where} is wrong`);
  if (!block.subarray(countAt + count * 8, tail).every((byte) => byte === 0)) {
    throw damaged(`${at.where} has something behind its entries`);
  }
  const children = Array.from({ length: count }, (_, i) => block.readUInt32LE(countAt + i * 8 + 4));
  if (!at.isRoot) return { entries: [], children, levels: 0 };
  // Half MD4; an info of 8 bytes; one level more at most without the feature largedir.
  if (block.readUInt32LE(24) !== 0 || block[28] !== 1 || block[29] !== 8 || (block[30] as number) > 1) {
    throw damaged(`${at.where} is no root of a hash tree`);
  }
  return { entries: parseEntries(block, BLOCK_BYTES, at.where), children, levels: block[30] as number };
}

function parseEntries(block: Buffer, end: number, where: string): DiskEntry[] {
  const entries: DiskEntry[] = [];
  for (let at = 0; at < end; ) {
    const length = block.readUInt16LE(at + 4);
    const nameLength = block.readUInt8(at + 6);
    if (length < 8 + nameLength || length % 4 !== 0 || at + length > end) {
      throw damaged(`${where} has an entry of ${length} bytes at ${at}`);
    }
    const inodeNumber = block.readUInt32LE(at);
    const name = block.toString("latin1", at + 8, at + 8 + nameLength) as ByteString;
    if (inodeNumber !== 0) entries.push({ name, inodeNumber, fileType: block.readUInt8(at + 7) });
    at += length;
  }
  return entries;
}

export type RawXattr = { readonly index: number; readonly name: ByteString; readonly value: Buffer };

/** The attributes behind an inode's fields. */
export function parseInodeXattrs(tail: Buffer): RawXattr[] {
  if (tail.length < 4 || tail.readUInt32LE(0) !== XATTR_MAGIC) return [];
  return parseXattrs(tail.subarray(4), 0);
}

/** The attributes of a block; checks its checksum, which covers where it lies. */
export function parseXattrBlock(block: Buffer, address: number, seed: number): RawXattr[] {
  const number = Buffer.alloc(8);
  number.writeBigUInt64LE(BigInt(address));
  const zeroed = Buffer.from(block);
  zeroed.writeUInt32LE(0, 16);
  if (block.readUInt32LE(0) !== XATTR_MAGIC || block.readUInt32LE(16) !== crc32c(crc32c(seed, number), zeroed)) {
    throw damaged(`the checksum of its attribute block ${address} is wrong`);
  }
  return parseXattrs(block, 32);
}

function parseXattrs(area: Buffer, first: number): RawXattr[] {
  const xattrs: RawXattr[] = [];
  for (let at = first; at + 16 <= area.length && area.readUInt32LE(at) !== 0; ) {
    const nameLength = area.readUInt8(at);
    const from = area.readUInt16LE(at + 2);
    const to = from + area.readUInt32LE(at + 8);
    if (to > area.length) throw damaged("an extended attribute points past its area");
    const name = area.toString("latin1", at + 16, at + 16 + nameLength) as ByteString;
    xattrs.push({ index: area.readUInt8(at + 1), name, value: area.subarray(from, to) });
    at += Math.ceil((16 + nameLength) / 4) * 4;
  }
  return xattrs;
}

function parseTime(raw: Buffer, secondsAt: number, extraAt: number): Mtime {
  const extra = raw.readUInt32LE(extraAt);
  return { sec: raw.readInt32LE(secondsAt) + (extra % 4) * 2 ** 32, nsec: Math.floor(extra / 4) };
}
