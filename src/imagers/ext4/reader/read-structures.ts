import type { ByteString } from "../../../lib/bytes.ts";
import type { Mtime } from "../../../rootfs/node.ts";
import { BLOCK_BYTES, GOOD_OLD_INODE_BYTES, XATTR_MAGIC } from "../structures/constants.ts";
import { crc32c, crc32cU32 } from "../structures/crc32c.ts";
import { damaged, type Superblock } from "./superblock.ts";

/** An inode as it is on disk, its i_block still raw. */
export type DiskInode = {
  readonly number: number;
  readonly generation: number;
  /** Type bits and 07777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly links: number;
  readonly sectors: number;
  readonly flags: number;
  readonly mtime: Mtime;
  readonly atime: Mtime;
  readonly ctime: Mtime;
  readonly crtime: Mtime;
  readonly iBlock: Buffer;
  readonly xattrBlock: number;
  /** The attributes behind the fields; empty where there are none. */
  readonly tail: Buffer;
};

export type DiskEntry = { readonly name: ByteString; readonly inodeNumber: number; readonly fileType: number };

/** The seed of what belongs to an inode: its number and its generation. */
export function seedOfInode(seed: number, inodeNumber: number, generation: number): number {
  return crc32cU32(crc32cU32(seed, inodeNumber), generation);
}

/** Parses an inode of any size and checks its checksum where it has one. */
export function parseInode(raw: Buffer, number: number, { seed, hasChecksums }: Superblock): DiskInode {
  const generation = raw.readUInt32LE(100);
  const extraBytes = raw.length > GOOD_OLD_INODE_BYTES ? raw.readUInt16LE(128) : 0;
  if (hasChecksums) checkInode(raw, number, seedOfInode(seed, number, generation));
  if (GOOD_OLD_INODE_BYTES + extraBytes > raw.length) throw damaged(`inode ${number} has more fields than room`);
  const isRegular = (raw.readUInt16LE(0) & 0o170000) === 0o100000;
  const time = (secondsAt: number, extraAt: number): Mtime => parseTime(raw, secondsAt, extraAt, extraBytes);
  return {
    number,
    generation,
    mode: raw.readUInt16LE(0),
    uid: raw.readUInt16LE(2) + raw.readUInt16LE(120) * 65536,
    gid: raw.readUInt16LE(24) + raw.readUInt16LE(122) * 65536,
    // Of a folder the upper half was once an address of attributes.
    size: raw.readUInt32LE(4) + (isRegular ? raw.readUInt32LE(108) * 2 ** 32 : 0),
    links: raw.readUInt16LE(26),
    sectors: raw.readUInt32LE(28) + raw.readUInt16LE(116) * 2 ** 32,
    flags: raw.readUInt32LE(32),
    atime: time(8, 140),
    ctime: time(12, 132),
    mtime: time(16, 136),
    crtime: extraBytes >= 20 ? time(144, 148) : { sec: 0, nsec: 0 },
    // A copy: the block that it was read with would stay in memory for as long as the inode.
    iBlock: Buffer.from(raw.subarray(40, 100)),
    xattrBlock: raw.readUInt32LE(104) + raw.readUInt16LE(118) * 2 ** 32,
    tail: tailOf(raw, GOOD_OLD_INODE_BYTES + extraBytes),
  };
}

const NO_TAIL = Buffer.alloc(0);

function tailOf(raw: Buffer, from: number): Buffer {
  const hasXattrs = from + 4 <= raw.length && raw.readUInt32LE(from) === XATTR_MAGIC;
  return hasXattrs ? raw.subarray(from) : NO_TAIL;
}

const NO_CHECKSUM = Buffer.alloc(2);

function checkInode(raw: Buffer, number: number, inodeSeed: number): void {
  // An unused inode, and one of 128 bytes, has no extra fields, and so no place for the upper half.
  const hasUpper = raw.length > GOOD_OLD_INODE_BYTES && raw.readUInt16LE(128) !== 0;
  // The checksum stands in for itself as zeros.
  const lower = crc32c(crc32c(inodeSeed, raw, 0, 124), NO_CHECKSUM);
  const checksum = hasUpper
    ? crc32c(crc32c(crc32c(lower, raw, 126, 130), NO_CHECKSUM), raw, 132)
    : crc32c(lower, raw, 126);
  const isSame =
    raw.readUInt16LE(124) === (checksum & 0xffff) && (!hasUpper || raw.readUInt16LE(130) === checksum >>> 16);
  if (!isSame) throw damaged(`the checksum of inode ${number} is wrong`);
}

/** The numbers of a device node: in one of two encodings, by which of the first two words is used. */
export function deviceNumbers({ iBlock }: DiskInode): { readonly major: number; readonly minor: number } {
  const old = iBlock.readUInt32LE(0);
  if (old !== 0) return { major: (old >>> 8) & 0xff, minor: old & 0xff };
  const wide = iBlock.readUInt32LE(4);
  return { major: (wide >>> 8) & 0xfff, minor: ((wide >>> 20) << 8) | (wide & 0xff) };
}

/** The entries of a directory block, without those that are unused. Its tail must be there, and its checksum right. */
export function parseDirBlock(block: Buffer, inodeSeed: number, where: string): DiskEntry[] {
  const tail = block.length - 12;
  if (!hasDirTail(block) || block.readUInt32LE(tail + 8) !== crc32c(inodeSeed, block, 0, tail)) {
    throw damaged(`the checksum of ${where} is wrong`);
  }
  return parseEntries(block, tail, where);
}

function hasDirTail(block: Buffer): boolean {
  const tail = block.length - 12;
  return (
    block.readUInt32LE(tail) === 0 && block.readUInt16LE(tail + 4) === 12 && block.readUInt16LE(tail + 6) === 0xde00
  );
}

/**
 * The entries of any block of a directory, as those that know no hash trees see it: an inner block of one is empty but for
 * "." and "..". The checksum is compared where there is one; that of an inner block is not.
 */
export function parseAnyDirBlock(block: Buffer, inodeSeed: number | undefined, where: string): DiskEntry[] {
  if (inodeSeed !== undefined && hasDirTail(block)) return parseDirBlock(block, inodeSeed, where);
  return parseEntries(block, block.length, where);
}

/** The entries of a directory that is kept in its inode: after the number of its parent, and on in an attribute. */
export function parseInlineDir(data: Buffer, inBlock: number, where: string): DiskEntry[] {
  const first = data.subarray(4, Math.min(inBlock, data.length));
  const rest = data.subarray(Math.min(inBlock, data.length));
  return [first, rest].flatMap((part) => parseEntries(part, part.length, where));
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
    if (at + 8 > end) throw damaged(`${where} ends within an entry`);
    const length = recordBytes(block.readUInt16LE(at + 4), end);
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

/** In blocks of 64 KiB, which 16 bits cannot count, a record that takes a whole one says 0 or 65535. */
function recordBytes(written: number, end: number): number {
  return end > 65_535 && (written === 0 || written === 65_535) ? 65_536 : written;
}

export type RawXattr = { readonly index: number; readonly name: ByteString; readonly value: Buffer };

/** The attributes behind an inode's fields. */
export function parseInodeXattrs(tail: Buffer): RawXattr[] {
  return tail.length === 0 ? [] : parseXattrs(tail.subarray(4), 0);
}

/** The attributes of a block; checks its checksum, which covers where it lies, unless there is no `seed`. */
export function parseXattrBlock(block: Buffer, address: number, seed: number | undefined): RawXattr[] {
  const number = Buffer.alloc(8);
  number.writeBigUInt64LE(BigInt(address));
  const zeroed = Buffer.from(block);
  zeroed.writeUInt32LE(0, 16);
  if (block.readUInt32LE(0) !== XATTR_MAGIC) throw damaged(`its attribute block ${address} is none`);
  if (seed !== undefined && block.readUInt32LE(16) !== crc32c(crc32c(seed, number), zeroed)) {
    throw damaged(`the checksum of its attribute block ${address} is wrong`);
  }
  return parseXattrs(block, 32);
}

function parseXattrs(area: Buffer, first: number): RawXattr[] {
  const xattrs: RawXattr[] = [];
  for (let at = first; at + 16 <= area.length && area.readUInt32LE(at) !== 0; ) {
    const nameLength = area.readUInt8(at);
    if (at + 16 + nameLength > area.length) throw damaged("the name of an extended attribute does not end");
    if (area.readUInt32LE(at + 4) !== 0) throw damaged("it keeps an extended attribute in another inode (ea_inode)");
    const from = area.readUInt16LE(at + 2);
    const to = from + area.readUInt32LE(at + 8);
    if (to > area.length) throw damaged("an extended attribute points past its area");
    const name = area.toString("latin1", at + 16, at + 16 + nameLength) as ByteString;
    // A copy, as above.
    xattrs.push({ index: area.readUInt8(at + 1), name, value: Buffer.from(area.subarray(from, to)) });
    at += Math.ceil((16 + nameLength) / 4) * 4;
  }
  return xattrs;
}

/** What is behind the first 128 bytes of an inode may be there or not. */
function parseTime(raw: Buffer, secondsAt: number, extraAt: number, extraBytes: number): Mtime {
  if (extraAt + 4 > GOOD_OLD_INODE_BYTES + extraBytes) return { sec: raw.readInt32LE(secondsAt), nsec: 0 };
  const extra = raw.readUInt32LE(extraAt);
  return { sec: raw.readInt32LE(secondsAt) + (extra % 4) * 2 ** 32, nsec: Math.floor(extra / 4) };
}
