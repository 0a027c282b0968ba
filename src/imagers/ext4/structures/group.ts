import type { Run } from "../layout/geometry.ts";
import { BLOCK_BYTES, DESCRIPTOR_BYTES } from "./constants.ts";
import { crc32c, crc32cU32 } from "./crc32c.ts";

/*
 * ext4_group_desc, 32 bytes without 64bit (kernel: Documentation/filesystems/ext4/group_descr.rst).
 *
 *   0x00 bg_block_bitmap_lo      u32    0x12 bg_flags              u16 = 4: INODE_ZEROED
 *   0x04 bg_inode_bitmap_lo      u32    0x14 bg_exclude_bitmap_lo  u32 = 0
 *   0x08 bg_inode_table_lo       u32    0x18 bg_block_bitmap_csum  u16
 *   0x0c bg_free_blocks_count_lo u16    0x1a bg_inode_bitmap_csum  u16
 *   0x0e bg_free_inodes_count_lo u16    0x1c bg_itable_unused_lo   u16
 *   0x10 bg_used_dirs_count_lo   u16    0x1e bg_checksum           u16 = low half of crc32c(seed, group u32, this)
 *
 * Neither UNINIT flag: every bitmap is there, the same for all groups.
 */
const INODE_ZEROED = 4;
const CHECKSUM_OFFSET = 0x1e;

export type GroupFields = {
  readonly blockBitmap: number;
  readonly inodeBitmap: number;
  readonly inodeTable: number;
  readonly freeBlocks: number;
  readonly freeInodes: number;
  readonly directories: number;
  readonly blockBitmapChecksum: number;
  readonly inodeBitmapChecksum: number;
};

/** Writes the descriptor of `group` into 32 zeroed bytes. Used inodes come first, so all free ones are "unused". */
export function encodeDescriptor(out: Buffer, fields: GroupFields, group: number, seed: number): void {
  out.writeUInt32LE(fields.blockBitmap, 0x00);
  out.writeUInt32LE(fields.inodeBitmap, 0x04);
  out.writeUInt32LE(fields.inodeTable, 0x08);
  out.writeUInt16LE(fields.freeBlocks, 0x0c);
  out.writeUInt16LE(fields.freeInodes, 0x0e);
  out.writeUInt16LE(fields.directories, 0x10);
  out.writeUInt16LE(INODE_ZEROED, 0x12);
  out.writeUInt16LE(fields.blockBitmapChecksum & 0xffff, 0x18);
  out.writeUInt16LE(fields.inodeBitmapChecksum & 0xffff, 0x1a);
  out.writeUInt16LE(fields.freeInodes, 0x1c);
  out.writeUInt16LE(crc32c(crc32cU32(seed, group), out, 0, DESCRIPTOR_BYTES) & 0xffff, CHECKSUM_OFFSET);
}

/** Fills a block with the bitmap of the blocks from `first` to `end`: ones but for the free runs; bits past the group are ones. */
export function encodeBlockBitmap(bitmap: Buffer, free: readonly Run[], first: number, end: number): number {
  bitmap.fill(0xff, 0, BLOCK_BYTES);
  let freeBlocks = 0;
  for (const run of free) {
    const from = Math.max(run.start, first);
    const to = Math.min(run.start + run.length, end);
    if (from >= to) continue;
    clearBits(bitmap, from - first, to - first);
    freeBlocks += to - from;
  }
  return freeBlocks;
}

/** Fills a block with the bitmap of a group whose first `used` of `count` inodes are taken; bits past `count` are ones. */
export function encodeInodeBitmap(bitmap: Buffer, used: number, count: number): void {
  bitmap.fill(0xff, 0, BLOCK_BYTES);
  clearBits(bitmap, used, count);
}

/** The checksum of an inode bitmap covers the inodes there are, not the padding. */
export function inodeBitmapChecksum(bitmap: Buffer, count: number, seed: number): number {
  return crc32c(seed, bitmap, 0, count / 8);
}

/** The checksum of a block bitmap covers the blocks of a full group. */
export function blockBitmapChecksum(bitmap: Buffer, blocksPerGroup: number, seed: number): number {
  return crc32c(seed, bitmap, 0, blocksPerGroup / 8);
}

function clearBits(bitmap: Buffer, from: number, to: number): void {
  const firstByte = Math.ceil(from / 8);
  const endByte = Math.floor(to / 8);
  for (let bit = from; bit < Math.min(to, firstByte * 8); bit++) clearBit(bitmap, bit);
  if (firstByte >= endByte) {
    for (let bit = firstByte * 8; bit < to; bit++) clearBit(bitmap, bit);
    return;
  }
  bitmap.fill(0, firstByte, endByte);
  for (let bit = endByte * 8; bit < to; bit++) clearBit(bitmap, bit);
}

function clearBit(bitmap: Buffer, bit: number): void {
  const byte = bit >> 3;
  bitmap[byte] = (bitmap[byte] as number) & ~(1 << (bit & 7));
}
