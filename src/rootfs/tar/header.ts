import type { ByteString } from "../../lib/bytes.ts";

// struct posix_header (POSIX.1-2017, ustar Interchange Format), one block of 512 bytes:
//   0 name[100]  100 mode[8]  108 uid[8]  116 gid[8]  124 size[12]  136 mtime[12]  148 chksum[8]  156 typeflag
//   157 linkname[100]  257 magic[6] version[2]  265 uname[32]  297 gname[32]  329 devmajor[8]  337 devminor[8]
//   345 prefix[155]    (star: prefix[131], and "tar\0" at 508; old GNU: sparse fields instead, see tar-sparse.ts)
export const BLOCK_BYTES = 512;

/** One header block as it stands, extensions not yet applied. Numbers that cannot be read are NaN. */
export type TarHeader = {
  readonly name: ByteString;
  readonly linkname: ByteString;
  /** The type flag as a character; NUL (a regular file of V7) becomes "0". */
  readonly type: string;
  readonly format: "v7" | "ustar" | "star" | "gnu";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeSec: number;
  readonly major: number;
  readonly minor: number;
};

export function isZeroBlock(block: Buffer): boolean {
  for (let i = 0; i < BLOCK_BYTES; i++) if (block[i] !== 0) return false;
  return true;
}

/** The fields of a header block, or undefined where its checksum is wrong. */
export function decodeHeader(block: Buffer): TarHeader | undefined {
  if (!hasGoodChecksum(block)) return undefined;
  const format = formatOf(block);
  const typeflag = block[156] as number;
  let name = text(block, 0, 100);
  if (format === "ustar" || format === "star") {
    const prefix = text(block, 345, format === "star" ? 131 : 155);
    if (prefix !== "") name = `${prefix}/${name}`;
  }
  const isDevice = typeflag === 0x33 || typeflag === 0x34;
  return {
    name: name as ByteString,
    linkname: text(block, 157, 100) as ByteString,
    type: typeflag === 0 ? "0" : String.fromCharCode(typeflag),
    format,
    mode: decodeNumber(block, 100, 8),
    uid: decodeNumber(block, 108, 8),
    gid: decodeNumber(block, 116, 8),
    size: decodeNumber(block, 124, 12),
    mtimeSec: decodeNumber(block, 136, 12),
    major: isDevice ? decodeNumber(block, 329, 8) : 0,
    minor: isDevice ? decodeNumber(block, 337, 8) : 0,
  };
}

/** Puts device numbers of up to seven digits into a header block, as GNU tar does, and sums it up anew. */
export function setDevice(block: Buffer, { major, minor }: { readonly major: number; readonly minor: number }): Buffer {
  encodeOctal(block, 329, 8, major);
  encodeOctal(block, 337, 8, minor);
  // Six digits, NUL, space: the one field that is not written like the others.
  encodeOctal(block, 148, 7, checksum(block));
  return block;
}

/**
 * A number field: octal digits between spaces and NULs, with a sign if need be, or, with the top bit set, big-endian two's
 * complement in the remaining bits (GNU "base-256"). An empty field is 0; NaN for what is neither.
 */
export function decodeNumber(block: Buffer, at: number, length: number): number {
  if ((block[at] as number) & 0x80) return decodeBase256(block, at, length);
  const end = at + length;
  let i = at;
  while (i < end && (block[i] === 0x20 || block[i] === 0)) i++;
  const sign = block[i] === 0x2d ? -1 : 1;
  if (block[i] === 0x2d || block[i] === 0x2b) i++;
  let value = 0;
  for (; i < end; i++) {
    const byte = block[i] as number;
    if (byte === 0x20 || byte === 0) break;
    if (byte < 0x30 || byte > 0x37) return Number.NaN;
    value = value * 8 + (byte - 0x30);
  }
  // Never -0.
  return value === 0 ? 0 : sign * value;
}

/** The NUL-terminated text of a field, one byte per character. */
export function text(block: Buffer, at: number, length: number): string {
  const end = block.indexOf(0, at);
  return block.toString("latin1", at, end < 0 || end > at + length ? at + length : end);
}

function encodeOctal(block: Buffer, at: number, length: number, value: number): void {
  block.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at, length, "latin1");
}

function decodeBase256(block: Buffer, at: number, length: number): number {
  const isNegative = ((block[at] as number) & 0x40) !== 0;
  const flip = isNegative ? 0xff : 0;
  let value = ((block[at] as number) ^ flip) & 0x3f;
  for (let i = at + 1; i < at + length; i++) value = value * 256 + ((block[i] as number) ^ flip);
  // Too large to be exact: out of range for all that asks.
  const exact = Math.min(value, Number.MAX_SAFE_INTEGER - 1);
  return isNegative ? -exact - 1 : exact;
}

function formatOf(block: Buffer): TarHeader["format"] {
  const magic = block.toString("latin1", 257, 265);
  if (magic === "ustar  \0") return "gnu";
  if (!magic.startsWith("ustar\0")) return "v7";
  return block.toString("latin1", 508, 512) === "tar\0" ? "star" : "ustar";
}

/** Old tars summed signed characters; both sums are accepted, as GNU tar does. */
function hasGoodChecksum(block: Buffer): boolean {
  const stored = decodeNumber(block, 148, 8);
  const sum = checksum(block);
  return stored === sum || stored === sum - 256 * highBytes(block);
}

/** The sum of all bytes, the checksum's own field counted as spaces. */
function checksum(block: Buffer): number {
  let sum = 8 * 0x20;
  for (let i = 0; i < 148; i++) sum += block[i] as number;
  for (let i = 156; i < BLOCK_BYTES; i++) sum += block[i] as number;
  return sum;
}

function highBytes(block: Buffer): number {
  return block.reduce((count, byte, i) => count + (i >= 148 && i < 156 ? 0 : byte >> 7), 0);
}
