import { type ByteString, fromByteString } from "../../lib/bytes.ts";
import { BLOCK_BYTES, decodeHeader, isZeroBlock, type TarHeader, text } from "./header.ts";
import {
  broken,
  type Member,
  numberOf,
  type Parser,
  padToBlock,
  type Reader,
  readMember,
  type Sink,
} from "./member.ts";
import { parsePax } from "./pax.ts";
import { type PaxSparse, PaxSparseReader } from "./sparse.ts";

/** What a PAX header says. */
type PaxHeader = { readonly records: ReadonlyMap<string, string>; readonly sparse: PaxSparse | undefined };

/** What extension headers say of the entry that follows them; of two of a kind the last one, as all readers have it. */
type Extensions = { pax: PaxHeader | undefined; longName: string | undefined; longLink: string | undefined };

/** It is read in one piece, during which no abort is heard. As Go has it, and so containerd and Docker. */
const MAX_EXTENSION_BYTES = 2 ** 20;

const EMPTY = Buffer.alloc(0);

const NO_HEADER: PaxHeader = { records: new Map(), sparse: undefined };

const SPARSE = "GNU.sparse.";

const NAMES = ["path", "linkpath", `${SPARSE}name`];
const NUMBERS = ["size", "uid", "gid", "mtime", "SCHILY.devmajor", "SCHILY.devminor"];
const USED = new Set([...NAMES, ...NUMBERS]);
const USED_PREFIXES = ["SCHILY.xattr.", "LIBARCHIVE.xattr.", "SCHILY.acl."];

/** Reads headers until the archive ends, the data between them passed by. */
export function* parseArchive(reader: Reader, sink: Sink): Parser<void> {
  let next: Extensions = { pax: undefined, longName: undefined, longLink: undefined };
  for (;;) {
    reader.mayEnd = next.pax === undefined && next.longName === undefined && next.longLink === undefined;
    const block = reader.held ?? (yield BLOCK_BYTES);
    const at = reader.position - BLOCK_BYTES;
    reader.held = undefined;
    if (isZeroBlock(block)) {
      if (!reader.mayEnd) throw broken(sink.label, at, "an extension header is followed by nothing");
      if (isZeroBlock(yield BLOCK_BYTES)) return;
      throw broken(sink.label, at, "a lone block of zeros stands between two entries");
    }
    reader.mayEnd = false;
    const header = decodeHeader(block);
    if (header === undefined) throw broken(sink.label, at, "no tar header is here, or its checksum is wrong");
    if ("xXgLK".includes(header.type)) admit(header, at, sink);
    switch (header.type) {
      case "x":
      case "X": // Solaris
        next.pax = yield* readPax(header, at, sink);
        break;
      case "g":
        noteGlobals(yield* readPax(header, at, sink), sink);
        break;
      case "L":
        next.longName = yield* readLong(header);
        break;
      case "K":
        next.longLink = yield* readLong(header);
        break;
      default:
        yield* readMember(memberOf({ at, header, block }, next, sink), reader, sink);
        next = { pax: undefined, longName: undefined, longLink: undefined };
    }
  }
}

function admit({ size }: TarHeader, at: number, { label, counter }: Sink): void {
  if (!(size >= 0 && size <= MAX_EXTENSION_BYTES)) {
    throw broken(label, at, `an extension header has ${size} bytes, more than any archive needs`);
  }
  counter.addHeader(BLOCK_BYTES + padToBlock(size));
}

/**
 * Global records are for an archive's own tools: Go, and so containerd, Docker and buildah, gives them to no entry, and a
 * layer has to mean here what it means there. Nor could they hold for every entry without costing their size each time.
 */
function noteGlobals({ records }: PaxHeader, { notes }: Sink): void {
  for (const key of records.keys()) {
    notes.add("global PAX records are passed over, as containerd and Docker do", fromByteString(key as ByteString));
  }
}

function* readPax(header: TarHeader, at: number, sink: Sink): Parser<PaxHeader> {
  const bytes = yield* readExtension(header);
  const records = new Map<string, string>();
  const sparse = new PaxSparseReader();
  const isWhole = parsePax(bytes, (key, value) => {
    if (key.startsWith(SPARSE)) sparse.take(key.slice(SPARSE.length), value);
    if (isUsed(key)) setRecord(records, key, value);
  });
  if (!isWhole) throw broken(sink.label, at, "a PAX header is malformed");
  return { records, sparse: sparse.result() };
}

/** What nobody asks for is not kept. */
function isUsed(key: string): boolean {
  return USED.has(key) || USED_PREFIXES.some((prefix) => key.startsWith(prefix));
}

function* readLong(header: TarHeader): Parser<string> {
  const bytes = yield* readExtension(header);
  return text(bytes, 0, bytes.length);
}

/** Not a copy: what is kept of it are strings. */
function* readExtension(header: TarHeader): Parser<Buffer> {
  if (header.size === 0) return EMPTY;
  return (yield padToBlock(header.size)).subarray(0, header.size);
}

function setRecord(records: Map<string, string>, key: string, value: string): void {
  // An empty value takes the record back (POSIX), but an xattr may well be empty.
  if (value === "" && !key.includes(".xattr.")) records.delete(key);
  else records.set(key, value);
}

function memberOf(
  { at, header, block }: Pick<Member, "at" | "header" | "block">,
  { pax, longName, longLink }: Extensions,
  sink: Sink,
): Member {
  const { records, sparse } = pax ?? NO_HEADER;
  const size = numberOf(records, "size", header.size);
  if (!(size >= 0)) throw broken(sink.label, at, "the size of an entry cannot be read");
  return {
    at,
    header,
    block,
    records,
    hasPax: pax !== undefined,
    sparse,
    path: (records.get(`${SPARSE}name`) ?? records.get("path") ?? longName ?? header.name) as ByteString,
    target: (records.get("linkpath") ?? longLink ?? header.linkname) as ByteString,
    size,
  };
}
