import type { ByteString } from "../../../lib/bytes.ts";
import { assertNever } from "../../../lib/errors.ts";
import type { InodeType } from "../../../rootfs/node.ts";
import { BLOCK_BYTES, DIR_TAIL_BYTES, DIR_TAIL_TYPE } from "./constants.ts";
import { crc32c } from "./crc32c.ts";

/*
 * Directory block (kernel: Documentation/filesystems/ext4/directory.rst): entries one after the other, the last
 * stretched to the tail; an entry never crosses blocks.
 *
 *   ext4_dir_entry_2            ext4_dir_entry_tail (at 4084)
 *   0  inode     u32            0  det_reserved_zero1 u32 = 0
 *   4  rec_len   u16            4  det_rec_len        u16 = 12
 *   6  name_len  u8             6  det_reserved_zero2 u8  = 0
 *   7  file_type u8             7  det_reserved_ft    u8  = 0xde
 *   8  name                     8  det_checksum       u32 = crc32c(inode seed, block[0..4084])
 */
const ENTRY_HEADER_BYTES = 8;
export const DIR_ROOM: number = BLOCK_BYTES - DIR_TAIL_BYTES;
/** "." and ".." of the first block. */
export const DOTS_BYTES = 24;

/** The name of an inode, ready to be written. */
export type DirEntry = { readonly name: ByteString; readonly inodeNumber: number; readonly type: InodeType };

/** Bytes of an entry: its header and its name, to a multiple of four. */
export function recordLength(nameLength: number): number {
  return (ENTRY_HEADER_BYTES + nameLength + 3) & ~3;
}

/** Fills a zeroed block with entries and its tail. No entries make it an empty block, as lost+found has. */
export function encodeDirBlock(block: Buffer, entries: readonly DirEntry[], inodeSeed: number): void {
  let at = 0;
  entries.forEach((entry, i) => {
    const length = i === entries.length - 1 ? DIR_ROOM - at : recordLength(entry.name.length);
    encodeEntry(block, at, entry, length);
    at += length;
  });
  if (entries.length === 0) block.writeUInt16LE(DIR_ROOM, 4);
  block.writeUInt16LE(DIR_TAIL_BYTES, DIR_ROOM + 4);
  block.writeUInt8(DIR_TAIL_TYPE, DIR_ROOM + 7);
  block.writeUInt32LE(crc32c(inodeSeed, block, 0, DIR_ROOM), DIR_ROOM + 8);
}

/** Writes one entry that spans `length` bytes from `at` on. */
export function encodeEntry(block: Buffer, at: number, entry: DirEntry, length: number): void {
  block.writeUInt32LE(entry.inodeNumber, at);
  block.writeUInt16LE(length, at + 4);
  block.writeUInt8(entry.name.length, at + 6);
  block.writeUInt8(fileTypeOf(entry.type), at + 7);
  block.write(entry.name, at + ENTRY_HEADER_BYTES, entry.name.length, "latin1");
}

/** "." and "..", which every directory begins with. */
export function dotsOf(self: number, parent: number): readonly [DirEntry, DirEntry] {
  return [
    { name: "." as ByteString, inodeNumber: self, type: "dir" },
    { name: ".." as ByteString, inodeNumber: parent, type: "dir" },
  ];
}

/** `file_type` of the `filetype` feature. */
function fileTypeOf(type: InodeType): number {
  switch (type) {
    case "file":
      return 1;
    case "dir":
      return 2;
    case "char":
      return 3;
    case "block":
      return 4;
    case "fifo":
      return 5;
    case "socket":
      return 6;
    case "symlink":
      return 7;
    default:
      return assertNever(type);
  }
}
