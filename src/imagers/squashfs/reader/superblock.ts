import { FledgeError } from "../../../lib/errors.ts";

/*
 * The superblock of squashfs 4.0, little-endian (kernel: fs/squashfs/squashfs_fs.h).
 *
 *    0  s_magic u32 "hsqs"     20  compression u16    40  bytes_used u64           72  directory_table_start u64
 *    4  inodes u32             22  block_log u16      48  id_table_start u64       80  fragment_table_start u64
 *    8  mkfs_time u32          24  flags u16          56  xattr_id_table_start     88  lookup_table_start u64
 *   12  block_size u32         26  no_ids u16         64  inode_table_start u64
 *   16  fragments u32          28  s_major, s_minor   32  root_inode u64
 */
export const SUPERBLOCK_BYTES = 96;

/** A table that is not there. */
const ABSENT = 0xffff_ffff_ffff_ffffn;
const MAGIC = 0x73717368;
const MAX_BLOCK_BYTES = 1024 * 1024;

const COMPRESSIONS: Readonly<Record<number, string>> = { 1: "gzip", 2: "lzma", 3: "lzo", 4: "xz", 5: "lz4", 6: "zstd" };

export type SquashSuperblock = {
  readonly inodes: number;
  readonly fragments: number;
  readonly ids: number;
  readonly blockBytes: number;
  readonly compression: string;
  readonly bytesUsed: number;
  readonly rootInode: Reference;
  readonly inodeTable: number;
  readonly directoryTable: number;
  readonly fragmentTable: number | undefined;
  readonly idTable: number;
  readonly xattrTable: number | undefined;
};

/** Where something is in a table: the metadata block, as bytes from the table's start, and the offset in it. */
export type Reference = { readonly block: number; readonly offset: number };

export function referenceFrom(value: bigint): Reference {
  return { block: Number(value >> 16n), offset: Number(value & 0xffffn) };
}

export function damaged(what: string): FledgeError {
  return new FledgeError("image", what);
}

/** Parses a superblock; throws an `image` error for another version, and where sizes make no sense. */
export function parseSuperblock(raw: Buffer): SquashSuperblock {
  if (raw.readUInt32LE(0) !== MAGIC) throw damaged("it has no squashfs magic number");
  const version = `${raw.readUInt16LE(28)}.${raw.readUInt16LE(30)}`;
  if (version !== "4.0") throw damaged(`it is of version ${version}, and only 4.0 is read`);
  const blockBytes = raw.readUInt32LE(12);
  const isSound = blockBytes >= 4096 && blockBytes <= MAX_BLOCK_BYTES && 1 << raw.readUInt16LE(22) === blockBytes;
  if (!isSound) throw damaged(`its block size is ${blockBytes}`);
  const number = raw.readUInt16LE(20);
  const place = (at: number): number => Number(raw.readBigUInt64LE(at));
  const maybe = (at: number): number | undefined => (raw.readBigUInt64LE(at) === ABSENT ? undefined : place(at));
  return {
    inodes: raw.readUInt32LE(4),
    fragments: raw.readUInt32LE(16),
    ids: raw.readUInt16LE(26),
    blockBytes,
    compression: COMPRESSIONS[number] ?? `number ${number}`,
    bytesUsed: place(40),
    rootInode: referenceFrom(raw.readBigUInt64LE(32)),
    inodeTable: place(64),
    directoryTable: place(72),
    fragmentTable: maybe(80),
    idTable: place(48),
    xattrTable: maybe(56),
  };
}
