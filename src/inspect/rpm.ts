import { FledgeError } from "../lib/errors.ts";
import type { FileInode } from "../rootfs/node.ts";
import { sqliteRows } from "./sqlite.ts";

/** A package as rpm's database has it. */
export type RpmPackage = { readonly name: string; readonly version: string; readonly architecture: string };

const TAGS = { name: 1000, version: 1001, release: 1002, epoch: 1003, architecture: 1022 } as const;
const INT32 = 4;
const STRING = 6;
const HEAD_BYTES = 8;
const ENTRY_BYTES = 16;
/** rpm's own limit (headerMaxTags in lib/header.c). */
const MOST_ENTRIES = 0xffff;

/** What rpm's database says is installed, in its order. Throws an `image` error, or a RangeError, where it is damaged. */
export function* rpmPackages(database: FileInode): Generator<RpmPackage, void, undefined> {
  // CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)
  for (const [, blob] of sqliteRows(database, "Packages")) {
    if (!Buffer.isBuffer(blob)) throw damaged("a package of it is none");
    yield packageOf(blob);
  }
}

/**
 * A header as rpm keeps it (docs/manual/format_header.md; numbers are big endian):
 *
 *     u32 entries, u32 bytes of data
 *     entries of  u32 tag, u32 type, u32 offset into the data, u32 count
 *     data
 */
function packageOf(header: Buffer): RpmPackage {
  const [entries, dataBytes] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const data = HEAD_BYTES + ENTRY_BYTES * entries;
  if (entries > MOST_ENTRIES || data + dataBytes !== header.length) throw damaged("the header of a package is cut off");
  const fieldOf = (tag: number, type: number): Buffer | undefined => {
    for (let at = HEAD_BYTES; at < data; at += ENTRY_BYTES) {
      if (header.readUInt32BE(at) !== tag || header.readUInt32BE(at + 4) !== type) continue;
      return header.subarray(data + header.readUInt32BE(at + 8));
    }
    return undefined;
  };
  const textOf = (tag: number): string | undefined => {
    const bytes = fieldOf(tag, STRING);
    return bytes?.toString("utf8", 0, Math.max(0, bytes.indexOf(0)));
  };
  const [name, version, release] = [textOf(TAGS.name), textOf(TAGS.version), textOf(TAGS.release)];
  if (!name || !version || !release) throw damaged("a package of it has no name or version");
  const epoch = fieldOf(TAGS.epoch, INT32)?.readUInt32BE(0);
  return {
    name,
    version: `${epoch === undefined ? "" : `${epoch}:`}${version}-${release}`,
    // Keys, which are packages without files, are for none.
    architecture: textOf(TAGS.architecture) ?? "",
  };
}

function damaged(why: string): FledgeError {
  return new FledgeError("image", `the database is damaged: ${why}`);
}
