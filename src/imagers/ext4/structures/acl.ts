import { FledgeError } from "../../../lib/errors.ts";

/*
 * A POSIX ACL has two encodings. Both are a version and then entries, little-endian:
 *
 *   xattr system calls (posix_acl_xattr_entry)   ext4 on disk (ext4_acl_entry)
 *   0 version u32 = 2                            0 version u32 = 1
 *   + e_tag u16, e_perm u16, e_id u32            + e_tag u16, e_perm u16 [, e_id u32 for a named user or group]
 */
const XATTR_VERSION = 2;
const DISK_VERSION = 1;
const ACL_USER = 0x02;
const ACL_GROUP = 0x08;
const UNDEFINED_ID = 0xffffffff;
const KNOWN_TAGS: ReadonlySet<number> = new Set([0x01, ACL_USER, 0x04, ACL_GROUP, 0x10, 0x20]);

/** `system.posix_acl_*` from the form of getxattr(2) to the one on disk; throws an `image` error that begins with `where`. */
export function aclToDisk(value: Uint8Array, where: string): Buffer {
  const source = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (source.length < 4 || (source.length - 4) % 8 !== 0 || source.readUInt32LE(0) !== XATTR_VERSION) {
    throw malformed(where);
  }
  const out = Buffer.alloc(source.length);
  out.writeUInt32LE(DISK_VERSION, 0);
  let to = 4;
  for (let from = 4; from < source.length; from += 8) {
    const tag = source.readUInt16LE(from);
    if (!KNOWN_TAGS.has(tag)) throw malformed(where);
    to += source.copy(out, to, from, from + (hasId(tag) ? 8 : 4));
  }
  return out.subarray(0, to);
}

/** The reverse; throws an `image` error that begins with `where`. */
export function aclFromDisk(value: Uint8Array, where: string): Buffer {
  const source = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (source.length < 4 || source.readUInt32LE(0) !== DISK_VERSION) throw malformed(where);
  const out = Buffer.alloc(4 + source.length * 2);
  out.writeUInt32LE(XATTR_VERSION, 0);
  let to = 4;
  for (let from = 4; from < source.length; to += 8) {
    const named = from + 4 <= source.length && hasId(source.readUInt16LE(from));
    if (from + (named ? 8 : 4) > source.length) throw malformed(where);
    source.copy(out, to, from, from + 4);
    out.writeUInt32LE(named ? source.readUInt32LE(from + 4) : UNDEFINED_ID, to + 4);
    from += named ? 8 : 4;
  }
  return out.subarray(0, to);
}

function hasId(tag: number): boolean {
  return tag === ACL_USER || tag === ACL_GROUP;
}

function malformed(where: string): FledgeError {
  return new FledgeError("image", `${where}: not a POSIX ACL in the form of the xattr system calls (version 2)`);
}
