import { createHash } from "node:crypto";
import type { ByteString } from "../../lib/bytes.ts";
import { assertNever, FledgeError } from "../../lib/errors.ts";
import type { LayerEntry } from "../layer.ts";
import type { Content, Metadata, Segment, StoredContent } from "../node.ts";
import { NO_XATTRS } from "../node.ts";
import { storedBytesOf } from "../stored.ts";
import { type LayerSums, pieceCount } from "../sums.ts";

// The file: magic[8] sha256-of-the-rest[32] count[varint] sums record*
//   record: type[1] path mode uid gid mtime.sec(zigzag) mtime.nsec xattr-count {name value}* and then
//   file: size content[1] {offset segment-count {at length}* | bytes}   symlink, hardlink: target   char, block: major minor
// The sums are one for each piece of the stored contents, in their order, 4 bytes each (sums.ts).
// Numbers are LEB128 varints, texts and bytes have their length before them. The digit in the magic is the version.
const MAGIC = Buffer.from("fledgeL3");
const HEAD_BYTES = MAGIC.length + 32;

const TYPES = ["file", "dir", "symlink", "hardlink", "char", "block", "fifo", "socket"] as const;
const STORED = 0;
const SPARSE = 1;
const INLINE = 2;

const SUM_BYTES = 4;

/** What fits in one Buffer and can be read and hashed at once. */
const MAX_INDEX_BYTES = 2 ** 31 - 1;

/** Collects the entries of a layer for `decodeIndex`. */
export type IndexEncoder = { add(entry: LayerEntry): void; finish(sums?: Int32Array): Uint8Array };

/**
 * The entries of a layer in a compact form that notices damage. Contents must be `stored` or `inline`.
 * @internal for tests; the store adds entries one by one
 */
export function encodeIndex(entries: Iterable<LayerEntry>): Uint8Array {
  const encoder = createIndexEncoder();
  for (const entry of entries) encoder.add(entry);
  return encoder.finish();
}

export function createIndexEncoder(): IndexEncoder {
  const out = new ByteWriter();
  let count = 0;
  return {
    add(entry) {
      count++;
      writeEntry(out, entry);
    },
    finish(sums = new Int32Array()) {
      const head = new ByteWriter();
      head.varint(count);
      head.blob(encodeSums(sums));
      const rest = [head.bytes(), out.bytes()];
      const hash = createHash("sha256");
      for (const part of rest) hash.update(part);
      return Buffer.concat([MAGIC, hash.digest(), ...rest]);
    },
  };
}

export type IndexOptions = {
  readonly storedFile: string;
  /** Makes the error for a content that is not what its checksum says; where it is left out none is checked. */
  readonly damaged?: LayerSums["damaged"];
};

/**
 * The entries of an index, their contents in `storedFile`. Throws a `store` error at once when the index is damaged or of
 * another version of fledge, and while it is read where somebody made up what it says.
 */
export function decodeIndex(bytes: Uint8Array, options: IndexOptions): Iterable<LayerEntry> {
  const index = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isOurs = index.length > HEAD_BYTES && index.subarray(0, MAGIC.length).equals(MAGIC);
  if (!isOurs) throw damaged(options.storedFile, "it is cut short or of another version of fledge");
  const hash = createHash("sha256").update(index.subarray(HEAD_BYTES)).digest();
  if (!hash.equals(index.subarray(MAGIC.length, HEAD_BYTES))) {
    throw damaged(options.storedFile, "its checksum does not match");
  }
  return { [Symbol.iterator]: () => readEntries(index, options) };
}

function encodeSums(sums: Int32Array): Buffer {
  const bytes = Buffer.allocUnsafe(sums.length * SUM_BYTES);
  for (const [i, sum] of sums.entries()) bytes.writeInt32LE(sum, i * SUM_BYTES);
  return bytes;
}

function decodeSums(bytes: Uint8Array): Int32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Int32Array.from({ length: Math.floor(bytes.length / SUM_BYTES) }, (_, i) =>
    view.getInt32(i * SUM_BYTES, true),
  );
}

function writeEntry(out: ByteWriter, entry: LayerEntry): void {
  const { metadata } = entry;
  out.varint(TYPES.indexOf(entry.type));
  out.text(entry.path);
  out.varint(metadata.mode);
  out.varint(metadata.uid);
  out.varint(metadata.gid);
  out.signed(metadata.mtime.sec);
  out.varint(metadata.mtime.nsec);
  out.varint(metadata.xattrs.size);
  for (const [name, value] of metadata.xattrs) {
    out.text(name);
    out.blob(value);
  }
  switch (entry.type) {
    case "file":
      out.varint(entry.size);
      writeContent(out, entry.content);
      return;
    case "symlink":
    case "hardlink":
      out.text(entry.target);
      return;
    case "char":
    case "block":
      out.varint(entry.major);
      out.varint(entry.minor);
      return;
    case "dir":
    case "fifo":
    case "socket":
      return;
    default:
      assertNever(entry);
  }
}

function writeContent(out: ByteWriter, content: Content): void {
  switch (content.kind) {
    case "stored":
      out.varint(content.segments === undefined ? STORED : SPARSE);
      out.varint(content.offset);
      if (content.segments === undefined) return;
      out.varint(content.segments.length);
      for (const { at, length } of content.segments) {
        out.varint(at);
        out.varint(length);
      }
      return;
    case "inline":
      out.varint(INLINE);
      out.blob(content.bytes);
      return;
    case "file":
    case "image":
      throw new FledgeError("internal", "a layer of the store points at a file that is not in it");
    default:
      assertNever(content);
  }
}

/** Where the contents are, and the checksum of the next one. */
type Place = { readonly file: string; readonly layer: LayerSums | undefined; at: number };

function* readEntries(index: Buffer, { storedFile, damaged }: IndexOptions): Generator<LayerEntry, void, undefined> {
  const input = new ByteReader(index, HEAD_BYTES, storedFile);
  const count = input.varint();
  const values = decodeSums(input.blob());
  const place: Place = {
    file: storedFile,
    layer: damaged && values.length > 0 ? { values, damaged } : undefined,
    at: 0,
  };
  for (let left = count; left > 0; left--) yield readEntry(input, place);
}

function readEntry(input: ByteReader, place: Place): LayerEntry {
  const type = TYPES[input.varint()];
  const path = input.text() as ByteString;
  const metadata = readMetadata(input);
  switch (type) {
    case "file": {
      const size = input.varint();
      return { path, metadata, type, size, content: readContentPlace(input, size, place) };
    }
    case "symlink":
    case "hardlink":
      return { path, metadata, type, target: input.text() as ByteString };
    case "char":
    case "block":
      return { path, metadata, type, major: input.varint(), minor: input.varint() };
    case "dir":
    case "fifo":
    case "socket":
      return { path, metadata, type };
    case undefined:
      throw damaged(place.file, "it has an entry of an unknown type");
    default:
      return assertNever(type);
  }
}

function readMetadata(input: ByteReader): Metadata {
  const mode = input.varint();
  const uid = input.varint();
  const gid = input.varint();
  const mtime = { sec: input.signed(), nsec: input.varint() };
  const count = input.varint();
  if (count === 0) return { mode, uid, gid, mtime, xattrs: NO_XATTRS };
  const xattrs = new Map<ByteString, Uint8Array>();
  for (let i = 0; i < count; i++) xattrs.set(input.text() as ByteString, input.blob());
  return { mode, uid, gid, mtime, xattrs };
}

function readContentPlace(input: ByteReader, size: number, place: Place): Content {
  const { file, layer } = place;
  const kind = input.varint();
  if (kind === INLINE) return { kind: "inline", bytes: input.blob() };
  const offset = input.varint();
  if (kind === STORED) return { kind: "stored", file, offset, ...(layer && checkOf(size, layer, place)) };
  if (kind !== SPARSE) throw damaged(file, "it has contents of an unknown kind");
  const segments: Segment[] = [];
  for (let left = input.varint(); left > 0; left--) segments.push({ at: input.varint(), length: input.varint() });
  const stored = { kind: "stored", file, offset, segments } as const;
  return layer === undefined ? stored : { ...stored, ...checkOf(storedBytesOf(stored, size), layer, place) };
}

function checkOf(bytes: number, layer: LayerSums, place: Place): Pick<StoredContent, "check"> {
  const first = place.at;
  place.at += pieceCount(bytes);
  if (place.at > layer.values.length) throw damaged(place.file, "it lacks checksums");
  return { check: { layer, first } };
}

/** Of a varint: the largest that is exact, and twice the largest time. */
const MAX_NUMBER = 2 ** 53;

/** A buffer that grows by doubling. */
class ByteWriter {
  #buffer = Buffer.allocUnsafe(4096);
  #length = 0;

  varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    // Beyond 31 bits the bit operators wrap.
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#buffer[this.#length++] = (rest % 0x80) | 0x80;
    this.#buffer[this.#length++] = rest;
  }

  /** Zigzag: the sign in the lowest bit. */
  signed(value: number): void {
    this.varint(value < 0 ? -value * 2 - 1 : value * 2);
  }

  text(text: string): void {
    this.varint(text.length);
    this.#reserve(text.length);
    this.#length += this.#buffer.write(text, this.#length, "latin1");
  }

  blob(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed > MAX_INDEX_BYTES) {
      throw new FledgeError("source", "the list of what a layer holds would be larger than 2 GiB", {
        hint: "lower the limits to find out which layer it is; it is made to do harm",
      });
    }
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.min(Math.max(needed, this.#buffer.length * 2), MAX_INDEX_BYTES));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

class ByteReader {
  readonly #buffer: Buffer;
  readonly #storedFile: string;
  #at: number;

  constructor(buffer: Buffer, at: number, storedFile: string) {
    this.#buffer = buffer;
    this.#at = at;
    this.#storedFile = storedFile;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.#buffer[this.#at++];
      if (byte === undefined) throw damaged(this.#storedFile, "it ends in the middle of an entry");
      value += (byte & 0x7f) * scale;
      if (value > MAX_NUMBER) throw damaged(this.#storedFile, "it has a number that is too large");
      if (byte < 0x80) return value;
    }
  }

  signed(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  text(): string {
    const length = this.#skip();
    return this.#buffer.toString("latin1", this.#at - length, this.#at);
  }

  /** A copy: an xattr must not keep the whole index in memory. */
  blob(): Uint8Array {
    const length = this.#skip();
    return new Uint8Array(this.#buffer.subarray(this.#at - length, this.#at));
  }

  /** Passes by what has its length before it, and returns that. */
  #skip(): number {
    const length = this.varint();
    this.#at += length;
    if (this.#at > this.#buffer.length) throw damaged(this.#storedFile, "it ends in the middle of an entry");
    return length;
  }
}

function damaged(storedFile: string, why: string): FledgeError {
  return new FledgeError("store", `the index of the layer ${storedFile} cannot be used: ${why}`);
}
