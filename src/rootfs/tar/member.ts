import { type ByteString, fromByteString } from "../../lib/bytes.ts";
import type { Warning } from "../../lib/context.ts";
import { FledgeError } from "../../lib/errors.ts";
import { xattrsOf } from "../attributes/xattrs.ts";
import type { LayerEntry } from "../layer.ts";
import type { LayerLimits, LimitCounter } from "../limits.ts";
import type { Content, Metadata, Mtime } from "../node.ts";
import type { Notes } from "../notes.ts";
import type { SumWriter } from "../sums.ts";
import { BLOCK_BYTES, decodeHeader, isZeroBlock, type TarHeader } from "./header.ts";
import { MAX_TIME_SEC, parsePaxNumber, parsePaxTime } from "./pax.ts";
import { oldGnuExtension, oldGnuHeader, type PaxSparse, type SparseMap, SparseMapReader, sparseMap } from "./sparse.ts";

export type TarOptions = {
  /** What errors call the archive. */
  readonly label: string;
  /** Where the uncompressed archive will be: the contents of the entries point into this file. */
  readonly storedFile: string;
  readonly limits?: Partial<LayerLimits> | undefined;
  readonly warn?: ((warning: Warning) => void) | undefined;
  /** Is given the contents as they pass by. */
  readonly sums?: SumWriter | undefined;
};

/**
 * `position` is the offset after the bytes that were handed over, `mayEnd` says whether an archive can stop here, `held`
 * is a block that was taken too early, and `contentBytes` of those to be passed by next are a file's content.
 */
export type Reader = { position: number; mayEnd: boolean; held: Buffer | undefined; contentBytes: number };

export type Sink = Pick<TarOptions, "label" | "storedFile"> & {
  readonly counter: LimitCounter;
  readonly notes: Notes;
  readonly onEntry: (entry: LayerEntry) => void;
};

/** A coroutine over the archive: it yields how many bytes it wants (or, negative, wants passed by) and is given them. */
export type Parser<T> = Generator<number, T, Buffer>;

/** An entry with what its extension headers say applied. */
export type Member = {
  readonly at: number;
  readonly header: TarHeader;
  readonly block: Buffer;
  /** Of its PAX header, those that are made use of. */
  readonly records: ReadonlyMap<string, string>;
  readonly hasPax: boolean;
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
      sink.counter.addEntry(path);
      return yield* skipData(member.size);
    case "M":
      throw broken(sink.label, member.at, "the archive is one volume of several");
    default:
      sink.counter.addEntry(path);
      sink.notes.add(
        "left out, being of a type that fledge does not know",
        `${fromByteString(path)} ("${header.type}")`,
      );
      return yield* skipData(member.size);
  }
}

function* readFile(member: Member, reader: Reader, sink: Sink): Parser<void> {
  const found = yield* sparseMapOf(member, sink);
  if (found !== undefined && found.map === undefined) throw unreadable(member, sink, "map of its sparse data");
  const map = found?.map;
  const stored = member.size - (found?.mapBytes ?? 0);
  const place = { kind: "stored", file: sink.storedFile, offset: reader.position } as const;
  const content: Content = map === undefined ? place : { ...place, segments: map.segments };
  emit(member, sink, { type: "file", size: map?.size ?? stored, content });
  reader.contentBytes = stored;
  return yield* skipData(stored);
}

type FoundMap = { readonly map: SparseMap | undefined /** Of the entry's data. */; readonly mapBytes: number };

function* sparseMapOf({ header, block, sparse, size }: Member, sink: Sink): Parser<FoundMap | undefined> {
  if (header.type === "S") return { map: yield* readOldGnuMap(block, size, sink), mapBytes: 0 };
  if (sparse?.version === "1.0") return yield* readSparseMap(sparse.size, size, sink);
  if (sparse === undefined) return undefined;
  sink.counter.addSparseRuns(sparse.runs.length / 2);
  return { map: sparseMap(sparse.size, sparse.runs, size), mapBytes: 0 };
}

function* readOldGnuMap(block: Buffer, stored: number, { counter }: Sink): Parser<SparseMap | undefined> {
  const { size, runs, isExtended } = oldGnuHeader(block);
  for (let goesOn = isExtended; goesOn; ) {
    const extension = oldGnuExtension(yield BLOCK_BYTES);
    counter.addSparseRuns(extension.runs.length / 2);
    for (const value of extension.runs) runs.push(value);
    goesOn = extension.isExtended;
  }
  return sparseMap(size, runs, stored);
}

function* readSparseMap(size: number, stored: number, { counter }: Sink): Parser<FoundMap> {
  const reader = new SparseMapReader();
  let isCounted = false;
  for (let mapBytes = BLOCK_BYTES; mapBytes <= stored; mapBytes += BLOCK_BYTES) {
    const isWhole = reader.take(yield BLOCK_BYTES);
    if (reader.count !== undefined && !isCounted) counter.addSparseRuns(reader.count);
    isCounted = reader.count !== undefined;
    if (isWhole) return { map: sparseMap(size, reader.runs, stored - mapBytes), mapBytes };
  }
  return { map: undefined, mapBytes: 0 };
}

/**
 * A hard link may carry its file's data again (pax -o linkdata, star), or only its size with no data behind it (old
 * tars); directories likewise. PAX headers speak the truth; otherwise what stands in the next block tells.
 */
function* skipDoubtfulData(member: Member, reader: Reader): Parser<void> {
  if (member.size === 0 || member.header.format === "v7") return;
  if (member.hasPax) return yield* skipData(member.size);
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
  const metadata = metadataOf(member, sink);
  sink.counter.addXattrs(metadata.xattrs);
  sink.onEntry({ path, metadata, ...special });
}

function metadataOf(member: Member, sink: Sink): Metadata {
  const { header, records } = member;
  const uid = ownerOf(member, numberOf(records, "uid", header.uid), sink);
  const gid = ownerOf(member, numberOf(records, "gid", header.gid), sink);
  if (!(header.mode >= 0)) throw unreadable(member, sink, "mode");
  return { mode: header.mode & 0o7777, uid, gid, mtime: mtimeOf(member, sink), xattrs: xattrsOf(records) };
}

/** (uid_t)-1: no id at all to Linux, and to chown(2) "leave it", so that whoever unpacks owns the file. */
const NO_ID = 2 ** 32 - 1;

function ownerOf(member: Member, value: number, sink: Sink): number {
  if (!(value >= -(2 ** 31) && value < 2 ** 32)) throw unreadable(member, sink, "owner");
  // -2 was a way to write nobody's id; in 32 bits it is 4294967294.
  const id = value >>> 0;
  if (id !== NO_ID) return id;
  sink.notes.add(`belongs to root now, since the id ${NO_ID} (-1) means none`, fromByteString(member.path));
  return 0;
}

function mtimeOf(member: Member, sink: Sink): Mtime {
  const time = member.records.get("mtime");
  const mtime = time === undefined ? { sec: member.header.mtimeSec, nsec: 0 } : parsePaxTime(time);
  if (mtime === undefined || Number.isNaN(mtime.sec)) throw unreadable(member, sink, "time");
  return { ...mtime, sec: Math.max(-MAX_TIME_SEC, Math.min(mtime.sec, MAX_TIME_SEC)) };
}

export function numberOf(records: ReadonlyMap<string, string>, key: string, fallback: number): number {
  const value = records.get(key);
  return value === undefined ? fallback : (parsePaxNumber(value) ?? Number.NaN);
}

function isUint32(value: number): boolean {
  return value >= 0 && value < 2 ** 32;
}

export function padToBlock(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

function unreadable(member: Member, sink: Sink, what: string): FledgeError {
  return broken(sink.label, member.at, `the ${what} of ${fromByteString(member.path)} cannot be read`);
}

export function broken(label: string, offset: number, what: string): FledgeError {
  return new FledgeError("source", `${label} is damaged at byte ${offset}: ${what}`, {
    hint: "fetch or build the image again; if it stays so, the program that wrote the layer is at fault",
  });
}
