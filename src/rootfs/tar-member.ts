import { type ByteString, fromByteString } from "../lib/bytes.ts";
import type { Warning } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import type { LayerEntry } from "./layer.ts";
import type { LayerLimits, LimitCounter } from "./limits.ts";
import type { Content, Metadata, Mtime } from "./node.ts";
import { parsePaxNumber, parsePaxTime } from "./pax.ts";
import { BLOCK_BYTES, decodeHeader, isZeroBlock, type TarHeader } from "./tar-header.ts";
import {
  oldGnuExtension,
  oldGnuHeader,
  type PaxSparse,
  parseSparseMap,
  type SparseMap,
  sparseMap,
} from "./tar-sparse.ts";
import { xattrsOf } from "./tar-xattrs.ts";

export type TarOptions = {
  /** What errors call the archive. */
  readonly label: string;
  /** Where the uncompressed archive will be: the contents of the entries point into this file. */
  readonly storedFile: string;
  readonly limits?: LayerLimits | undefined;
  readonly warn?: ((warning: Warning) => void) | undefined;
};

/** Extension headers and maps larger than this are no real ones; they have to fit in memory. */
export const MAX_EXTENSION_BYTES = 8 * 2 ** 20;

/** A number for each offset and each length: as many as so much map can hold. */
const MAX_OLD_GNU_RUNS = MAX_EXTENSION_BYTES / 12;

/**
 * `position` is the offset after the bytes that were handed over, `mayEnd` says whether an archive can stop here, and
 * `held` is a block that was taken too early.
 */
export type Reader = { position: number; mayEnd: boolean; held: Buffer | undefined };

export type Sink = TarOptions & { readonly counter: LimitCounter; readonly onEntry: (entry: LayerEntry) => void };

/** A coroutine over the archive: it yields how many bytes it wants (or, negative, wants passed by) and is given them. */
export type Parser<T> = Generator<number, T, Buffer>;

/** An entry with what its extension headers say applied. */
export type Member = {
  readonly at: number;
  readonly header: TarHeader;
  readonly block: Buffer;
  /** The PAX records that hold for this entry: the global ones under its own. */
  readonly records: ReadonlyMap<string, string>;
  readonly sparse: PaxSparse | undefined;
  readonly path: ByteString;
  readonly target: ByteString;
  readonly size: number;
};

/** Hands on the entry and passes its data by. */
export function* readMember(member: Member, reader: Reader, sink: Sink): Parser<void> {
  const { header, path, target } = member;
  switch (header.type) {
    case "0":
    case "7": // contiguous: a hint that nothing heeds
    case "S":
      // Old tars have no other sign of a directory.
      if (!path.endsWith("/")) return yield* readFile(member, reader, sink);
      emit(member, sink, { type: "dir" });
      return yield* skipDoubtfulData(member, reader);
    case "1":
      emit(member, sink, { type: "hardlink", target });
      return yield* skipDoubtfulData(member, reader);
    case "2":
      return emit(member, sink, { type: "symlink", target });
    case "3":
    case "4": {
      const major = numberOf(member.records, "SCHILY.devmajor", header.major);
      const minor = numberOf(member.records, "SCHILY.devminor", header.minor);
      if (!isUint32(major) || !isUint32(minor)) throw unreadable(member, sink, "device number");
      return emit(member, sink, { type: header.type === "3" ? "char" : "block", major, minor });
    }
    case "5":
      return emit(member, sink, { type: "dir" });
    case "D": // a directory of an incremental GNU archive, its list of names as data
      emit(member, sink, { type: "dir" });
      return yield* skipData(member.size);
    case "6":
      return emit(member, sink, { type: "fifo" });
    case "V": // the volume's label
      return yield* skipData(member.size);
    case "M":
      throw broken(sink.label, member.at, "the archive is one volume of several");
    default:
      sink.warn?.({
        message: `layer ${sink.label}: ${fromByteString(path)} is of the unknown type "${header.type}" and left out`,
      });
      return yield* skipData(member.size);
  }
}

function* readFile(member: Member, reader: Reader, sink: Sink): Parser<void> {
  let stored = member.size;
  let map: SparseMap | undefined;
  let isSparse = true;
  if (member.header.type === "S") {
    const first = oldGnuHeader(member.block);
    const runs = [...first.runs];
    for (let isExtended = first.isExtended; isExtended; ) {
      if (runs.length > MAX_OLD_GNU_RUNS) break;
      const extension = oldGnuExtension(yield BLOCK_BYTES);
      runs.push(...extension.runs);
      isExtended = extension.isExtended;
    }
    map = runs.length > MAX_OLD_GNU_RUNS ? undefined : sparseMap(first.size, runs, stored);
  } else if (member.sparse?.version === "1.0") {
    const { runs, bytes } = yield* readSparseMap(stored);
    stored -= bytes;
    map = sparseMap(member.sparse.size, runs, stored);
  } else if (member.sparse !== undefined) {
    map = sparseMap(member.sparse.size, member.sparse.runs, stored);
  } else {
    isSparse = false;
  }
  if (isSparse && map === undefined) throw unreadable(member, sink, "map of its sparse data");
  const place = { kind: "stored", file: sink.storedFile, offset: reader.position } as const;
  const content: Content = map === undefined ? place : { ...place, segments: map.segments };
  emit(member, sink, { type: "file", size: map?.size ?? stored, content });
  return yield* skipData(stored);
}

function* readSparseMap(stored: number): Parser<{ runs: number[]; bytes: number }> {
  let map = "";
  for (let bytes = BLOCK_BYTES; bytes <= stored && bytes <= MAX_EXTENSION_BYTES; bytes += BLOCK_BYTES) {
    map += (yield BLOCK_BYTES).toString("latin1");
    const runs = parseSparseMap(map);
    if (runs !== undefined) return { runs, bytes };
  }
  return { runs: [Number.NaN], bytes: 0 };
}

/**
 * A hard link may carry its file's data again (pax -o linkdata, star), or only its size with no data behind it (old
 * tars); directories likewise. PAX headers speak the truth; otherwise what stands in the next block tells.
 */
function* skipDoubtfulData(member: Member, reader: Reader): Parser<void> {
  if (member.size === 0 || member.header.format === "v7") return;
  if (member.records.size > 0) return yield* skipData(member.size);
  reader.mayEnd = true;
  const block = yield BLOCK_BYTES;
  if (isZeroBlock(block) || decodeHeader(block) !== undefined) {
    reader.held = block;
    return;
  }
  reader.mayEnd = false;
  yield* skipData(padToBlock(member.size) - BLOCK_BYTES);
}

function* skipData(bytes: number): Parser<void> {
  if (bytes > 0) yield -padToBlock(bytes);
}

type Special = LayerEntry extends infer E ? (E extends LayerEntry ? Omit<E, "path" | "metadata"> : never) : never;

function emit(member: Member, sink: Sink, special: Special): void {
  const { path } = member;
  const target = special.type === "symlink" || special.type === "hardlink" ? special.target : "";
  sink.counter.addEntry(path, special.type === "file" ? special.size : 0, target);
  if (path.includes("\0") || target.includes("\0")) throw unreadable(member, sink, "path, which holds a NUL byte,");
  sink.onEntry({ path, metadata: metadataOf(member, sink), ...special });
}

function metadataOf(member: Member, sink: Sink): Metadata {
  const { header, records } = member;
  const uid = numberOf(records, "uid", header.uid);
  const gid = numberOf(records, "gid", header.gid);
  if (!isOwner(uid) || !isOwner(gid)) throw unreadable(member, sink, "owner");
  if (!(header.mode >= 0)) throw unreadable(member, sink, "mode");
  warnOfTextAcls(member, sink);
  // -2 was a way to write nobody's id; in 32 bits it is 4294967294.
  return {
    mode: header.mode & 0o7777,
    uid: uid >>> 0,
    gid: gid >>> 0,
    mtime: mtimeOf(member, sink),
    xattrs: xattrsOf(records),
  };
}

/** star's notation of ACLs names users; what is in the encoding of the system calls comes as an xattr. */
function warnOfTextAcls({ path, records }: Member, sink: Sink): void {
  for (const key of records.keys()) {
    if (!key.startsWith("SCHILY.acl.")) continue;
    sink.warn?.({
      message: `layer ${sink.label}: ${fromByteString(path)} has an ACL as text (${key}), which is not carried over; left out`,
    });
  }
}

function mtimeOf(member: Member, sink: Sink): Mtime {
  const time = member.records.get("mtime");
  const mtime = time === undefined ? { sec: member.header.mtimeSec, nsec: 0 } : parsePaxTime(time);
  if (mtime === undefined || !Number.isSafeInteger(mtime.sec)) throw unreadable(member, sink, "time");
  return mtime;
}

export function numberOf(records: ReadonlyMap<string, string>, key: string, fallback: number): number {
  const value = records.get(key);
  return value === undefined ? fallback : (parsePaxNumber(value) ?? Number.NaN);
}

function isUint32(value: number): boolean {
  return value >= 0 && value < 2 ** 32;
}

function isOwner(value: number): boolean {
  return value >= -(2 ** 31) && value < 2 ** 32;
}

export function padToBlock(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

function unreadable(member: Member, sink: Sink, what: string): FledgeError {
  return broken(sink.label, member.at, `the ${what} of ${fromByteString(member.path)} cannot be read`);
}

export function broken(label: string, offset: number, what: string): FledgeError {
  return new FledgeError("source", `layer ${label} is damaged at byte ${offset}: ${what}`, {
    hint: "fetch or build the image again; if it stays so, the program that wrote the layer is at fault",
  });
}
