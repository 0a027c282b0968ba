import { throwIfAborted } from "../../lib/context.ts";
import type { FledgeError } from "../../lib/errors.ts";
import type { LayerEntry } from "../layer.ts";
import { LimitCounter } from "../limits.ts";
import { Notes } from "../notes.ts";
import { BLOCK_BYTES } from "./header.ts";
import { broken, type Reader, type TarOptions } from "./member.ts";
import { notATar, START_BYTES } from "./not-a-tar.ts";
import { parseArchive } from "./parser.ts";

export type { TarOptions };

/**
 * Is given an archive in pieces of any size. Both calls throw a `source` error that names the archive and the offset; the
 * warnings come with `end`.
 */
export type TarIndexer = { write(chunk: Uint8Array): void; end(): void };

const NOTHING = Buffer.alloc(0);

/** Two blocks of zeros. */
const END_BYTES = 2 * BLOCK_BYTES;

// Not tar-stream, which this project writes tars with: it has no old GNU sparse files (their extension blocks make it
// lose its place), takes PAX values for UTF-8, decodes negative base-256 numbers one off, hands out no raw header to
// mend any of that from, and needs two to three times as long. See test/unit/rootfs/tar.test.ts.

/**
 * Reads a tar archive of any dialect (V7, ustar, star, GNU, PAX) and hands on its entries, in order. Contents are
 * neither copied nor kept: they become ranges of `storedFile`.
 */
export function createTarIndexer(options: TarOptions, onEntry: (entry: LayerEntry) => void): TarIndexer {
  const { label, limits, warn, sums } = options;
  const reader: Reader = { position: 0, mayEnd: true, held: undefined, contentBytes: 0 };
  const counter = new LimitCounter(label, limits);
  const notes = new Notes();
  const parser = parseArchive(reader, { ...options, counter, notes, onEntry });
  const start = new ArchiveStart(label);
  let need = parser.next();
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let skip = 0;
  let written = 0;

  // What the parser asks for: a positive number is bytes to hand over, a negative one bytes to pass by.
  const demand = (): number => (need.done === true ? 0 : need.value);
  const take = (piece: Buffer): void => {
    reader.position += piece.length;
    try {
      need = parser.next(piece);
    } catch (error) {
      throw (reader.position === BLOCK_BYTES ? start.explain() : undefined) ?? error;
    }
    if (demand() < 0) skip = -demand();
  };

  const passContent = (bytes: Buffer): void => {
    if (reader.contentBytes === 0) return;
    const content = bytes.subarray(0, reader.contentBytes);
    reader.contentBytes -= content.length;
    sums?.update(content);
    if (reader.contentBytes === 0) sums?.endContent();
  };

  return {
    write(chunk) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      // Also what comes behind the archive's end, since all of it is stored.
      written += bytes.length;
      counter.checkBytes(written);
      start.take(bytes);
      let at = 0;
      while (at < bytes.length && need.done !== true) {
        if (skip > 0) {
          const step = Math.min(skip, bytes.length - at);
          passContent(bytes.subarray(at, at + step));
          at += step;
          skip -= step;
          reader.position += step;
          if (skip === 0) need = parser.next(NOTHING);
          if (skip === 0 && demand() < 0) skip = -demand();
          continue;
        }
        const missing = demand() - pendingBytes;
        const piece = bytes.subarray(at, at + missing);
        at += piece.length;
        if (piece.length < missing) {
          // The caller may use its buffer again.
          pending.push(Buffer.from(piece));
          pendingBytes += piece.length;
        } else if (pendingBytes === 0) {
          take(piece);
        } else {
          const whole = Buffer.concat([...pending, piece]);
          pending = [];
          pendingBytes = 0;
          take(whole);
        }
      }
    },
    end() {
      const isWhole = need.done === true || (reader.mayEnd && pendingBytes === 0);
      // A disk begins with nothing, as the end of an archive does.
      const other = reader.position <= END_BYTES ? start.explain() : undefined;
      if (other !== undefined) throw other;
      if (!isWhole) throw broken(label, reader.position + pendingBytes, "the archive ends in the middle of an entry");
      notes.report(label, warn);
    },
  };
}

/** The first bytes of an archive, kept for the case that it is none. */
class ArchiveStart {
  readonly #label: string;
  #bytes = NOTHING;

  constructor(label: string) {
    this.#label = label;
  }

  take(bytes: Buffer): void {
    const missing = START_BYTES - this.#bytes.length;
    if (missing > 0) this.#bytes = Buffer.concat([this.#bytes, bytes.subarray(0, missing)]);
  }

  explain(): FledgeError | undefined {
    return notATar(this.#label, this.#bytes);
  }
}

/** `createTarIndexer` over a stream. */
export async function* indexTar(
  stream: AsyncIterable<Uint8Array>,
  options: TarOptions & { readonly signal?: AbortSignal | undefined },
): AsyncGenerator<LayerEntry, void, undefined> {
  let queue: LayerEntry[] = [];
  const indexer = createTarIndexer(options, (entry) => void queue.push(entry));
  for await (const chunk of stream) {
    if (options.signal) throwIfAborted(options.signal);
    indexer.write(chunk);
    if (queue.length === 0) continue;
    yield* queue;
    queue = [];
  }
  indexer.end();
}
