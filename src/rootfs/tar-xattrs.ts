import { NO_XATTRS } from "./node.ts";

const SCHILY = "SCHILY.xattr.";
const LIBARCHIVE = "LIBARCHIVE.xattr.";

/**
 * The extended attributes among PAX records: `SCHILY.xattr.NAME` holds the raw bytes (star, GNU tar, Docker),
 * `LIBARCHIVE.xattr.NAME` URL-encodes the name and base64-encodes the value (bsdtar, which writes both: SCHILY wins).
 * An empty value is a value.
 */
export function xattrsOf(records: ReadonlyMap<string, string>): ReadonlyMap<string, Uint8Array> {
  let xattrs: Map<string, Uint8Array> | undefined;
  for (const [key, value] of records) {
    if (key.startsWith(SCHILY)) {
      xattrs ??= new Map();
      xattrs.set(key.slice(SCHILY.length), Buffer.from(value, "latin1"));
    } else if (key.startsWith(LIBARCHIVE)) {
      const name = unescapeName(key.slice(LIBARCHIVE.length));
      if (records.has(SCHILY + name)) continue;
      xattrs ??= new Map();
      xattrs.set(name, Buffer.from(value, "base64"));
    }
  }
  return xattrs ?? NO_XATTRS;
}

function unescapeName(name: string): string {
  return name.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
