import { FledgeError } from "../../../lib/errors.ts";
import type { Mtime } from "../../../rootfs/node.ts";
import type { ShownPath } from "../../../rootfs/shown-path.ts";
import { EXTRA_ISIZE, GOOD_OLD_INODE_BYTES, LINK_MAX, SECTORS_PER_BLOCK } from "./constants.ts";
import { crc32c, crc32cU32 } from "./crc32c.ts";

/*
 * ext4_inode, 256 bytes (kernel: Documentation/filesystems/ext4/inodes.rst). Not listed: zero.
 *
 *   0x00 i_mode      u16   0x1c i_blocks_lo    u32 (512-byte units)   0x7c l_i_checksum_lo u16
 *   0x02 i_uid       u16   0x20 i_flags        u32                    0x80 i_extra_isize   u16 = 32
 *   0x04 i_size_lo   u32   0x28 i_block        60 bytes               0x82 i_checksum_hi   u16
 *   0x08 i_atime     u32   0x68 i_file_acl_lo  u32                    0x84 i_ctime_extra   u32
 *   0x0c i_ctime     u32   0x6c i_size_high    u32                    0x88 i_mtime_extra   u32
 *   0x10 i_mtime     u32   0x74 l_i_blocks_high u16                   0x8c i_atime_extra   u32
 *   0x18 i_gid       u16   0x78 l_i_uid_high   u16                    0x90 i_crtime        u32
 *   0x1a i_links     u16   0x7a l_i_gid_high   u16                    0x94 i_crtime_extra  u32
 *
 * A time is 34 bits of seconds (32 signed ones, and two more at the bottom of its extra word) and 30 of nanoseconds.
 */
const I_BLOCK = 0x28;
const I_BLOCK_BYTES = 60;
const CHECKSUM_LO = 0x7c;
const CHECKSUM_HI = 0x82;
const TIMES: readonly (readonly [seconds: number, extra: number])[] = [
  [0x08, 0x8c],
  [0x0c, 0x84],
  [0x10, 0x88],
  [0x90, 0x94],
];
const MIN_SEC: number = -(2 ** 31);
const MAX_SEC: number = 2 ** 34 - 2 ** 31 - 1;

export type InodeFields = {
  /** Type bits and 07777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: Mtime;
  readonly links: number;
  readonly sizeBytes: number;
  /** All that it owns: contents, extent tree and attribute block. */
  readonly blocks: number;
  readonly flags: number;
  /** Block of its attributes, or 0. */
  readonly xattrBlock: number;
};

/** Writes the fixed fields into a zeroed inode; i_block, xattrs and finally `sealInode` follow. */
export function encodeInode(out: Buffer, fields: InodeFields): void {
  const { mode, uid, gid, sizeBytes } = fields;
  const sectors = fields.blocks * SECTORS_PER_BLOCK;
  out.writeUInt16LE(mode, 0x00);
  out.writeUInt16LE(uid & 0xffff, 0x02);
  out.writeUInt32LE(sizeBytes % 2 ** 32, 0x04);
  out.writeUInt16LE(gid & 0xffff, 0x18);
  out.writeUInt16LE(fields.links > LINK_MAX ? 1 : fields.links, 0x1a);
  out.writeUInt32LE(sectors % 2 ** 32, 0x1c);
  out.writeUInt32LE(fields.flags, 0x20);
  out.writeUInt32LE(fields.xattrBlock, 0x68);
  out.writeUInt32LE(Math.floor(sizeBytes / 2 ** 32), 0x6c);
  out.writeUInt16LE(Math.floor(sectors / 2 ** 32), 0x74);
  out.writeUInt16LE(uid >>> 16, 0x78);
  out.writeUInt16LE(gid >>> 16, 0x7a);
  out.writeUInt16LE(EXTRA_ISIZE, GOOD_OLD_INODE_BYTES);
  const { seconds, extra } = encodeTime(fields.mtime);
  for (const [secondsAt, extraAt] of TIMES) {
    out.writeInt32LE(seconds, secondsAt);
    out.writeUInt32LE(extra, extraAt);
  }
}

/** The 60 bytes for an extent root, a short symlink or a device number. */
export function iBlockOf(inode: Buffer): Buffer {
  return inode.subarray(I_BLOCK, I_BLOCK + I_BLOCK_BYTES);
}

/** The seed of all checksums that belong to an inode; its generation is 0 here. */
export function inodeSeedOf(seed: number, inodeNumber: number): number {
  return crc32cU32(crc32cU32(seed, inodeNumber), 0);
}

/** Puts the checksum into an inode that is otherwise complete. */
export function sealInode(inode: Buffer, inodeSeed: number): void {
  const checksum = crc32c(inodeSeed, inode);
  inode.writeUInt16LE(checksum & 0xffff, CHECKSUM_LO);
  // An inode without extra fields (a reserved, unused one) has room for the lower half alone.
  if (inode.readUInt16LE(GOOD_OLD_INODE_BYTES) > 0) inode.writeUInt16LE(checksum >>> 16, CHECKSUM_HI);
}

/** Both halves of an on-disk time. */
export function encodeTime({ sec, nsec }: Mtime): { readonly seconds: number; readonly extra: number } {
  const seconds = sec | 0;
  const epoch = (sec - seconds) / 2 ** 32;
  return { seconds, extra: ((nsec << 2) | epoch) >>> 0 };
}

/** Throws an `image` error for a time outside 1901-12-13 to 2446-05-10, which ext4 cannot store. */
export function assertStorableTime({ sec }: Mtime, path: ShownPath): void {
  if (sec >= MIN_SEC && sec <= MAX_SEC) return;
  throw new FledgeError("image", `${path}: ext4 cannot store its modification time (${sec} seconds from 1970)`, {
    hint: "ext4 holds times from 1901 to 2446; SOURCE_DATE_EPOCH caps later ones",
  });
}

/** Writes a device number into i_block, in the old 8+8 bit form where it fits, else 12+20 bits in the second word. */
export function encodeDevice(iBlock: Buffer, major: number, minor: number): void {
  if (major < 256 && minor < 256) iBlock.writeUInt32LE((major << 8) | minor, 0);
  else iBlock.writeUInt32LE(((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0, 4);
}
