import { type ByteString, compareBytes } from "../../lib/bytes.ts";
import { NO_XATTRS, type Xattrs } from "../node.ts";
import { isTextAcl, TEXT_ACL } from "./text-acls.ts";

/** What belongs to the machine that built the layer, not to the image. */
const FOREIGN = new Set(["security.selinux", "user.rootlesscontainers", "system.nfs4_acl"]);
const FOREIGN_PREFIXES = ["trusted.overlay.", "user.overlay."];

/** What Linux can store: its namespaces (xattr(7)), and of `system.` the POSIX ACLs. */
const NAMESPACES = ["user.", "trusted.", "security."];
const ACLS = new Set(["system.posix_acl_access", "system.posix_acl_default"]);

/** The xattrs that go into the guest, sorted by name; `onDropped` hears of those that no Linux filesystem can store. */
export function guestXattrs(xattrs: Xattrs, onDropped: (name: ByteString) => void): Xattrs {
  if (xattrs.size === 0) return xattrs;
  const kept: [ByteString, Uint8Array][] = [];
  for (const [name, value] of xattrs) {
    if (isTextAcl(name) || FOREIGN.has(name) || FOREIGN_PREFIXES.some((prefix) => name.startsWith(prefix))) continue;
    if (ACLS.has(name) || NAMESPACES.some((prefix) => name.startsWith(prefix))) kept.push([name, value]);
    else onDropped(name);
  }
  return new Map(kept.sort(([a], [b]) => compareBytes(a, b)));
}

const SCHILY = "SCHILY.xattr.";
const LIBARCHIVE = "LIBARCHIVE.xattr.";

/**
 * The extended attributes among PAX records: `SCHILY.xattr.NAME` holds the raw bytes (star, GNU tar, Docker),
 * `LIBARCHIVE.xattr.NAME` URL-encodes the name and base64-encodes the value (bsdtar, which writes both: SCHILY wins).
 * An empty value is a value. ACLs in text come under the names of their records: see `TextAcls`.
 */
export function xattrsOf(records: ReadonlyMap<string, string>): Xattrs {
  let xattrs: Map<ByteString, Uint8Array> | undefined;
  for (const [key, value] of records) {
    if (key.startsWith(SCHILY)) {
      xattrs ??= new Map();
      xattrs.set(unescapeKeyword(key.slice(SCHILY.length)), Buffer.from(value, "latin1"));
    } else if (key.startsWith(TEXT_ACL)) {
      xattrs ??= new Map();
      xattrs.set(key as ByteString, Buffer.from(value, "latin1"));
    } else if (key.startsWith(LIBARCHIVE)) {
      const name = unescapeName(key.slice(LIBARCHIVE.length));
      if (records.has(SCHILY + name)) continue;
      xattrs ??= new Map();
      xattrs.set(name, Buffer.from(value, "base64"));
    }
  }
  return xattrs ?? NO_XATTRS;
}

function unescapeName(name: string): ByteString {
  return name.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  ) as ByteString;
}

/**
 * A name as a keyword of PAX, which ends at the first "=": GNU tar writes that as %3D. Other programs take a keyword as it
 * is, so "%" is escaped only where it would read as an escape.
 */
export function escapeKeyword(name: ByteString): string {
  return name.replace(/%(?=25|3D)/g, "%25").replaceAll("=", "%3D");
}

function unescapeKeyword(keyword: string): ByteString {
  return keyword.replace(/%(25|3D)/g, (_, hex: string) => (hex === "25" ? "%" : "=")) as ByteString;
}
