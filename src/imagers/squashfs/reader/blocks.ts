import { readSync } from "node:fs";
import * as zlib from "node:zlib";
import { messageOf } from "../../../lib/errors.ts";
import { damaged, type Reference } from "./superblock.ts";

const METADATA_BYTES = 8192;
const UNCOMPRESSED_METADATA = 0x8000;
const UNCOMPRESSED_DATA = 0x1000000;
const KEPT_BLOCKS = 64;

type Inflate = (bytes: Buffer, options: { readonly maxOutputLength: number }) => Buffer;

/** How a codec is unpacked in this process; undefined where that takes a program. zstd: Node 22.15 and later. */
export function inflaterOf(compression: string): Inflate | undefined {
  if (compression === "gzip") return zlib.inflateSync as Inflate;
  if (compression !== "zstd") return undefined;
  return (zlib as { zstdDecompressSync?: Inflate }).zstdDecompressSync;
}

/** The blocks of an open image. What was unpacked last is kept, since what is read next is mostly in it. */
export class SquashBlocks {
  readonly #fd: number;
  readonly #inflate: Inflate;
  readonly #metadata = new Map<number, { readonly bytes: Buffer; readonly next: number }>();
  #data: { readonly at: number; readonly bytes: Buffer } = { at: -1, bytes: Buffer.alloc(0) };

  constructor(fd: number, inflate: Inflate) {
    this.#fd = fd;
    this.#inflate = inflate;
  }

  raw(at: number, length: number): Buffer {
    const out = Buffer.allocUnsafe(length);
    for (let done = 0; done < length; ) {
      const count = readSync(this.#fd, out, done, length - done, at + done);
      if (count === 0) throw damaged(`the image ends before byte ${at + length}`);
      done += count;
    }
    return out;
  }

  /** A cursor into the metadata blocks of a table that begins at `table`. */
  cursor(table: number, { block, offset }: Reference): Cursor {
    return new Cursor((at) => this.#metadataAt(at), table + block, offset);
  }

  /** A block of data, or of fragments; `size` is as tables have it, with a bit that says that it is not compressed. */
  data(at: number, size: number, maxBytes: number): Buffer {
    if (this.#data.at === at) return this.#data.bytes;
    const length = size % UNCOMPRESSED_DATA;
    if (length > maxBytes) throw damaged(`a block of data has ${length} bytes`);
    const packed = this.raw(at, length);
    const bytes = size >= UNCOMPRESSED_DATA ? packed : this.#unpack(packed, maxBytes, at);
    this.#data = { at, bytes };
    return bytes;
  }

  #metadataAt(at: number): { readonly bytes: Buffer; readonly next: number } {
    const known = this.#metadata.get(at);
    if (known !== undefined) return known;
    const header = this.raw(at, 2).readUInt16LE(0);
    const length = header & (UNCOMPRESSED_METADATA - 1);
    if (length === 0 || length > METADATA_BYTES) throw damaged(`a block of metadata has ${length} bytes`);
    const packed = this.raw(at + 2, length);
    const isPlain = (header & UNCOMPRESSED_METADATA) !== 0;
    const found = { bytes: isPlain ? packed : this.#unpack(packed, METADATA_BYTES, at), next: at + 2 + length };
    const [oldest] = this.#metadata.keys();
    if (this.#metadata.size >= KEPT_BLOCKS && oldest !== undefined) this.#metadata.delete(oldest);
    this.#metadata.set(at, found);
    return found;
  }

  #unpack(packed: Buffer, maxOutputLength: number, at: number): Buffer {
    try {
      return this.#inflate(packed, { maxOutputLength });
    } catch (error) {
      throw damaged(`the block at byte ${at} cannot be unpacked: ${messageOf(error)}`);
    }
  }
}

/** Reads on and on, across blocks of metadata. */
export class Cursor {
  readonly #blockAt: (at: number) => { readonly bytes: Buffer; readonly next: number };
  #at: number;
  #offset: number;

  constructor(blockAt: (at: number) => { readonly bytes: Buffer; readonly next: number }, at: number, offset: number) {
    this.#blockAt = blockAt;
    this.#at = at;
    this.#offset = offset;
  }

  take(length: number): Buffer {
    const parts: Buffer[] = [];
    for (let left = length; left > 0; ) {
      const { bytes, next } = this.#blockAt(this.#at);
      const part = bytes.subarray(this.#offset, this.#offset + left);
      // A block that is not full is the last of its table.
      if (part.length === 0 && this.#offset < METADATA_BYTES) throw damaged("a table ends too early");
      parts.push(part);
      left -= part.length;
      this.#offset += part.length;
      if (this.#offset < METADATA_BYTES || left === 0) continue;
      this.#at = next;
      this.#offset -= METADATA_BYTES;
    }
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }
}
