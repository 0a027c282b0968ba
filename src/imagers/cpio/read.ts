import { FledgeError } from "../../lib/errors.ts";
import { HEADER_BYTES, type Header, MAGIC, padding, TRAILER } from "./newc.ts";

/** A record as the archive has it; `data` must be consumed before the next record is asked for. */
export type CpioRecord = Header & { readonly data: AsyncIterable<Uint8Array> };

/**
 * Reads a newc archive record by record. Shares the format's constants with the writer, and nothing of how it writes.
 * Throws a `verify` error for anything that is not such an archive, with the offset.
 */
export async function* readArchive(stream: AsyncIterable<Uint8Array>): AsyncGenerator<CpioRecord, void, undefined> {
  const source = new ByteSource(stream);
  for (;;) {
    const start = source.offset;
    const { nameBytes, ...fields } = parseHeader(await source.read(HEADER_BYTES), start, [MAGIC]);
    const header: Header = { ...fields, name: parseName(await source.read(nameBytes), start) };
    await source.skip(padding(HEADER_BYTES + nameBytes));
    if (header.name === TRAILER) {
      for await (const rest of source.rest()) {
        if (rest.some((byte) => byte !== 0)) throw damaged(source.offset, "something follows the end of the archive");
      }
      return;
    }
    const end = source.offset + header.size;
    yield { ...header, data: source.take(header.size) };
    await source.skip(end - source.offset + padding(header.size));
  }
}

/** The numbers of a record's header, and how long its name is with its NUL. `start` is where it is, for errors. */
export function parseHeader(
  bytes: Buffer,
  start: number,
  magics: readonly string[],
): Omit<Header, "name"> & { readonly nameBytes: number } {
  const fixed = bytes.toString("latin1");
  if (!magics.includes(fixed.slice(0, MAGIC.length))) throw damaged(start, "there is no cpio header");
  const field = (index: number): number => hexAt(fixed, 6 + index * 8, start);
  return {
    ino: field(0),
    mode: field(1),
    uid: field(2),
    gid: field(3),
    nlink: field(4),
    mtime: field(5),
    size: field(6),
    rmajor: field(9),
    rminor: field(10),
    nameBytes: field(11),
  };
}

export function parseName(bytes: Buffer, start: number): string {
  if (bytes.at(-1) !== 0) throw damaged(start, "the name is not terminated");
  return bytes.toString("latin1", 0, bytes.length - 1);
}

/** Takes exact numbers of bytes from a stream of chunks. */
class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  offset = 0;

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  async read(count: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for await (const part of this.take(count)) parts.push(part);
    return Buffer.concat(parts);
  }

  async skip(count: number): Promise<void> {
    for await (const _ of this.take(count));
  }

  async *take(count: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let left = count; left > 0; ) {
      if (this.#chunk.length === 0 && !(await this.#next())) throw damaged(this.offset, "the archive ends too early");
      const part = this.#chunk.subarray(0, left);
      this.#chunk = this.#chunk.subarray(part.length);
      this.offset += part.length;
      left -= part.length;
      yield part;
    }
  }

  async *rest(): AsyncGenerator<Uint8Array, void, undefined> {
    do {
      yield this.#chunk;
    } while (await this.#next());
  }

  async #next(): Promise<boolean> {
    const next = await this.#chunks.next();
    if (next.done) return false;
    this.#chunk = next.value;
    return true;
  }
}

function hexAt(text: string, at: number, start: number): number {
  const digits = text.slice(at, at + 8);
  if (!/^[0-9a-fA-F]{8}$/.test(digits)) throw damaged(start, `"${digits}" in the header is not a number`);
  return Number.parseInt(digits, 16);
}

export function damaged(offset: number, what: string): FledgeError {
  return new FledgeError("verify", `the cpio archive is damaged at byte ${offset}: ${what}`);
}
