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
    const fixed = (await source.read(HEADER_BYTES)).toString("latin1");
    if (!fixed.startsWith(MAGIC)) throw damaged(start, "there is no cpio header");
    const field = (index: number): number => hexAt(fixed, 6 + index * 8, start);
    const nameSize = field(11);
    const name = (await source.read(nameSize)).toString("latin1");
    if (!name.endsWith("\0")) throw damaged(start, "the name is not terminated");
    await source.skip(padding(HEADER_BYTES + nameSize));
    const header: Header = {
      name: name.slice(0, -1),
      ino: field(0),
      mode: field(1),
      uid: field(2),
      gid: field(3),
      nlink: field(4),
      mtime: field(5),
      size: field(6),
      rmajor: field(9),
      rminor: field(10),
    };
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

function damaged(offset: number, what: string): FledgeError {
  return new FledgeError("verify", `the cpio archive is damaged at byte ${offset}: ${what}`);
}
