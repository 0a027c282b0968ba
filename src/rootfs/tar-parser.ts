import type { ByteString } from "../lib/bytes.ts";
import { type PaxRecord, parsePax } from "./pax.ts";
import { BLOCK_BYTES, decodeHeader, isZeroBlock, type TarHeader, text } from "./tar-header.ts";
import {
  broken,
  MAX_EXTENSION_BYTES,
  type Member,
  numberOf,
  type Parser,
  padToBlock,
  type Reader,
  readMember,
  type Sink,
} from "./tar-member.ts";
import { paxSparse } from "./tar-sparse.ts";

/** What extension headers say of the entry that follows them. */
type Extensions = { pax: PaxRecord[] | undefined; longName: string | undefined; longLink: string | undefined };

/** Global records are laid under those of every entry: many of them would make reading quadratic. */
const MAX_GLOBAL_BYTES = 64 * 1024;

const EMPTY = Buffer.alloc(0);

const NO_RECORDS: ReadonlyMap<string, string> = new Map();

/** Reads headers until the archive ends, the data between them passed by. */
export function* parseArchive(reader: Reader, sink: Sink): Parser<void> {
  const globals = new Map<string, string>();
  let globalBytes = 0;
  let next: Extensions = { pax: undefined, longName: undefined, longLink: undefined };
  let nextBytes = 0;
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
    if (header.type === "g") globalBytes = admit(header, globalBytes, MAX_GLOBAL_BYTES, at, sink);
    else if ("xXLK".includes(header.type)) nextBytes = admit(header, nextBytes, MAX_EXTENSION_BYTES, at, sink);
    switch (header.type) {
      case "x":
      case "X": // Solaris
        next.pax = [...(next.pax ?? []), ...(yield* readPax(header, at, sink))];
        break;
      case "g":
        for (const [key, value] of yield* readPax(header, at, sink)) setRecord(globals, key, value);
        break;
      case "L":
        next.longName = yield* readLong(header);
        break;
      case "K":
        next.longLink = yield* readLong(header);
        break;
      default: {
        yield* readMember(memberOf({ at, header, block }, globals, next, sink), reader, sink);
        next = { pax: undefined, longName: undefined, longLink: undefined };
        nextBytes = 0;
      }
    }
  }
}

/** The bytes of extension headers that are kept in memory, this one included. */
function admit(header: TarHeader, before: number, max: number, at: number, sink: Sink): number {
  const bytes = before + header.size;
  if (header.size >= 0 && bytes <= max) return bytes;
  throw broken(sink.label, at, `its extension headers have ${bytes} bytes, more than any archive needs`);
}

function* readPax(header: TarHeader, at: number, sink: Sink): Parser<PaxRecord[]> {
  const records = parsePax(yield* readExtension(header));
  if (records === undefined) throw broken(sink.label, at, "a PAX header is malformed");
  return records;
}

function* readLong(header: TarHeader): Parser<string> {
  const bytes = yield* readExtension(header);
  return text(bytes, 0, bytes.length);
}

function* readExtension(header: TarHeader): Parser<Buffer> {
  if (header.size === 0) return EMPTY;
  const padded = yield padToBlock(header.size);
  // A copy: the records outlive the caller's buffer.
  return Buffer.from(padded.subarray(0, header.size));
}

function setRecord(records: Map<string, string>, key: string, value: string): void {
  // An empty value takes the record back (POSIX), but an xattr may well be empty.
  if (value === "" && !key.includes(".xattr.")) records.delete(key);
  else records.set(key, value);
}

function memberOf(
  { at, header, block }: Pick<Member, "at" | "header" | "block">,
  globals: ReadonlyMap<string, string>,
  next: Extensions,
  sink: Sink,
): Member {
  let records = globals.size === 0 ? NO_RECORDS : globals;
  if (next.pax !== undefined) {
    const own = new Map(globals);
    for (const [key, value] of next.pax) setRecord(own, key, value);
    records = own;
  }
  const size = numberOf(records, "size", header.size);
  if (!(size >= 0)) throw broken(sink.label, at, "the size of an entry cannot be read");
  return {
    at,
    header,
    block,
    records,
    sparse: next.pax === undefined ? undefined : paxSparse(next.pax),
    path: (records.get("GNU.sparse.name") ?? records.get("path") ?? next.longName ?? header.name) as ByteString,
    target: (records.get("linkpath") ?? next.longLink ?? header.linkname) as ByteString,
    size,
  };
}
