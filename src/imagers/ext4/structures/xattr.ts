import { type ByteString, compareBytes, fromByteString } from "../../../lib/bytes.ts";
import { FledgeError } from "../../../lib/errors.ts";
import type { Xattrs } from "../../../rootfs/node.ts";
import type { ShownPath } from "../../../rootfs/shown-path.ts";
import { aclToDisk } from "./acl.ts";
import {
  BLOCK_BYTES,
  EXTRA_ISIZE,
  GOOD_OLD_INODE_BYTES,
  INODE_BYTES,
  NAME_MAX,
  XATTR_ACL_ACCESS,
  XATTR_ACL_DEFAULT,
  XATTR_MAGIC,
  XATTR_SECURITY,
  XATTR_TRUSTED,
  XATTR_USER,
} from "./constants.ts";
import { crc32c, crc32cU32 } from "./crc32c.ts";

/*
 * Extended attributes (kernel: Documentation/filesystems/ext4/attributes.rst). Entries grow up from the header,
 * values grow down from the end; four zero bytes end the entries. They stand behind the inode's own fields
 * (header: h_magic alone, values counted from the first entry, e_hash 0) and in at most one block of their own
 * (values counted from the block's start, entries sorted).
 *
 *   ext4_xattr_header (block)          ext4_xattr_entry
 *   0   h_magic    u32                 0   e_name_len   u8
 *   4   h_refcount u32 = 1             1   e_name_index u8
 *   8   h_blocks   u32 = 1             2   e_value_offs u16
 *   12  h_hash     u32                 4   e_value_inum u32 = 0
 *   16  h_checksum u32                 8   e_value_size u32
 *   20  h_reserved                     12  e_hash       u32
 *   32  entries                        16  e_name
 */
const ENTRY_BYTES = 16;
const END_BYTES = 4;
const IBODY_HEADER_BYTES = 4;
const BLOCK_HEADER_BYTES = 32;
const CHECKSUM_OFFSET = 16;
const IBODY_OFFSET: number = GOOD_OLD_INODE_BYTES + EXTRA_ISIZE;
const IBODY_BYTES: number = INODE_BYTES - IBODY_OFFSET;
const IBODY_ROOM: number = IBODY_BYTES - IBODY_HEADER_BYTES - END_BYTES;
const BLOCK_ROOM: number = BLOCK_BYTES - BLOCK_HEADER_BYTES - END_BYTES;

const PREFIXES: readonly (readonly [prefix: string, index: number])[] = [
  ["user.", XATTR_USER],
  ["trusted.", XATTR_TRUSTED],
  ["security.", XATTR_SECURITY],
];

export type DiskXattr = { readonly index: number; readonly name: ByteString; readonly value: Uint8Array };

/** Which attributes stand in the inode and which in its block. */
export type XattrPlacement = { readonly inode: readonly DiskXattr[]; readonly block: readonly DiskXattr[] };

const NOWHERE: XattrPlacement = { inode: [], block: [] };

/**
 * Places attributes in the order of the block format: into the inode while there is room, the rest into the block.
 * Throws an `image` error that begins with `path` for a namespace that ext4 lacks and for what does not fit.
 */
export function placeXattrs(xattrs: Xattrs, path: ShownPath): XattrPlacement {
  if (xattrs.size === 0) return NOWHERE;
  const inode: DiskXattr[] = [];
  const block: DiskXattr[] = [];
  let inodeRoom = IBODY_ROOM;
  let blockRoom = BLOCK_ROOM;
  for (const xattr of [...xattrs].map(([name, value]) => toDisk(name, value, path)).sort(compareXattrs)) {
    const bytes = sizeOf(xattr);
    if (bytes <= inodeRoom) {
      inode.push(xattr);
      inodeRoom -= bytes;
    } else {
      block.push(xattr);
      blockRoom -= bytes;
    }
  }
  if (blockRoom < 0) {
    throw new FledgeError("image", `${path}: its extended attributes are ${-blockRoom} bytes more than ext4 holds`, {
      hint: `an inode and one block of ${BLOCK_BYTES} bytes hold them all; remove some from the tree`,
    });
  }
  return { inode, block };
}

/** Writes attributes behind the fields of a zeroed inode of 256 bytes. */
export function encodeInodeXattrs(inode: Buffer, xattrs: readonly DiskXattr[]): void {
  if (xattrs.length === 0) return;
  inode.writeUInt32LE(XATTR_MAGIC, IBODY_OFFSET);
  const area = inode.subarray(IBODY_OFFSET + IBODY_HEADER_BYTES, INODE_BYTES);
  encodeEntries(area, 0, xattrs, () => 0);
}

/** Writes the attribute block that will lie at block `address` into a zeroed block. */
export function encodeXattrBlock(block: Buffer, xattrs: readonly DiskXattr[], address: number, seed: number): void {
  block.writeUInt32LE(XATTR_MAGIC, 0);
  block.writeUInt32LE(1, 4);
  block.writeUInt32LE(1, 8);
  let hash = 0;
  encodeEntries(block, BLOCK_HEADER_BYTES, xattrs, (xattr) => {
    const entryHash = hashEntry(xattr);
    hash = ((hash << 16) ^ (hash >>> 16) ^ entryHash) | 0;
    return entryHash;
  });
  block.writeUInt32LE(hash >>> 0, 12);
  const addressSeed = crc32cU32(crc32cU32(seed, address), 0);
  block.writeUInt32LE(crc32c(addressSeed, block), CHECKSUM_OFFSET);
}

function toDisk(fullName: ByteString, value: Uint8Array, path: ShownPath): DiskXattr {
  if (fullName === "system.posix_acl_access" || fullName === "system.posix_acl_default") {
    const index = fullName === "system.posix_acl_access" ? XATTR_ACL_ACCESS : XATTR_ACL_DEFAULT;
    return { index, name: "" as ByteString, value: aclToDisk(value, `${path}: ${fullName}`) };
  }
  const namespace = PREFIXES.find(([prefix]) => fullName.startsWith(prefix));
  if (!namespace) {
    throw new FledgeError(
      "image",
      `${path}: ext4 has no place for the extended attribute ${fromByteString(fullName)}`,
      {
        hint: "it keeps user.*, trusted.*, security.* and POSIX ACLs",
      },
    );
  }
  const [prefix, index] = namespace;
  const name = fullName.slice(prefix.length) as ByteString;
  if (name.length === 0 || name.length > NAME_MAX) {
    throw new FledgeError(
      "image",
      `${path}: the name of the extended attribute ${fromByteString(fullName)} is empty or too long`,
    );
  }
  return { index, name, value };
}

/** `e_name_index`, then `e_name_len`, then `e_name`: the order that a block's entries must have. */
function compareXattrs(a: DiskXattr, b: DiskXattr): number {
  return a.index - b.index || a.name.length - b.name.length || compareBytes(a.name, b.name);
}

function encodeEntries(
  area: Buffer,
  firstEntry: number,
  xattrs: readonly DiskXattr[],
  hashOf: (xattr: DiskXattr) => number,
): void {
  let at = firstEntry;
  let valueEnd = area.length;
  for (const xattr of xattrs) {
    const { index, name, value } = xattr;
    valueEnd -= align4(value.length);
    area.writeUInt8(name.length, at);
    area.writeUInt8(index, at + 1);
    area.writeUInt16LE(value.length === 0 ? 0 : valueEnd, at + 2);
    area.writeUInt32LE(value.length, at + 8);
    area.writeUInt32LE(hashOf(xattr) >>> 0, at + 12);
    area.write(name, at + ENTRY_BYTES, "latin1");
    area.set(value, valueEnd);
    at += align4(ENTRY_BYTES + name.length);
  }
}

/** `ext4_xattr_hash_entry`: the name byte by byte (without a sign since Linux 6.2, which takes both), then the value in words, padded with zeros. */
function hashEntry({ name, value }: DiskXattr): number {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = ((hash << 5) ^ (hash >>> 27) ^ name.charCodeAt(i)) | 0;
  const words = Buffer.alloc(align4(value.length));
  words.set(value);
  for (let i = 0; i < words.length; i += 4) hash = ((hash << 16) ^ (hash >>> 16) ^ words.readUInt32LE(i)) | 0;
  return hash;
}

function sizeOf({ name, value }: DiskXattr): number {
  return align4(ENTRY_BYTES + name.length) + align4(value.length);
}

function align4(bytes: number): number {
  return (bytes + 3) & ~3;
}
