import type { InodeType } from "../../rootfs/node.ts";

// A record of the "newc" archive format, as the kernel reads it (Documentation/driver-api/early-userspace/
// buffer-format.rst, init/initramfs.c). Every number is 8 hex digits.
//
//   offset  size  field
//        0     6  c_magic      "070701"
//        6     8  c_ino
//       14     8  c_mode       type and permission bits
//       22     8  c_uid
//       30     8  c_gid
//       38     8  c_nlink
//       46     8  c_mtime      seconds
//       54     8  c_filesize   data, or the length of a symlink's target
//       62     8  c_maj        device that holds the file: 0
//       70     8  c_min
//       78     8  c_rmaj       device that the file is
//       86     8  c_rmin
//       94     8  c_namesize   with the terminating NUL
//      102     8  c_chksum     0 in this variant
//      110        name, NUL, padding to a multiple of 4; then the data, padded likewise

export const HEADER_BYTES = 110;
export const MAGIC = "070701";
export const TRAILER = "TRAILER!!!";

export const TYPE_BITS: Readonly<Record<InodeType, number>> = {
  fifo: 0o010000,
  char: 0o020000,
  dir: 0o040000,
  block: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
};

export type Header = {
  readonly ino: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  readonly mtime: number;
  readonly size: number;
  readonly rmajor: number;
  readonly rminor: number;
  /** One byte per character, without the NUL. */
  readonly name: string;
};

/** The header and the name of one record, padded; the data follows. */
export function encodeHeader(h: Header): Buffer {
  const numbers = [
    h.ino,
    h.mode,
    h.uid,
    h.gid,
    h.nlink,
    h.mtime,
    h.size,
    0,
    0,
    h.rmajor,
    h.rminor,
    h.name.length + 1,
    0,
  ];
  const text = MAGIC + numbers.map(hex8).join("");
  const record = Buffer.alloc(HEADER_BYTES + h.name.length + 1 + padding(HEADER_BYTES + h.name.length + 1));
  record.write(text, 0, "latin1");
  record.write(h.name, HEADER_BYTES, "latin1");
  return record;
}

/** Zero bytes after `length` of them, up to a multiple of 4. */
export function padding(length: number): number {
  return (4 - (length % 4)) % 4;
}

function hex8(value: number): string {
  return value.toString(16).padStart(8, "0");
}
