import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { throwIfAborted } from "../../lib/context.ts";
import { digestOf } from "../../lib/digest.ts";
import { errnoOf, FledgeError, messageOf } from "../../lib/errors.ts";
import type { ArtifactFacts, ImagerContext } from "../imager.ts";
import { BLOCK_BYTES } from "./constants.ts";

const CHUNK_BYTES = 1024 * 1024;
/** A hole in the file is at least this long; asking about every block would cost more than it saves. */
const HOLE_BYTES = 64 * 1024;
const MAX_WRITES = 4;
const ZEROS: Buffer = Buffer.alloc(CHUNK_BYTES);

export type SinkOptions = {
  readonly sizeBytes: number;
  /** Leave holes where there are only zeros. */
  readonly sparse: boolean;
};

type Chunk = { readonly buffer: Buffer; readonly at: number; length: number };

/**
 * A file that is written once from front to back and hashed on the way. Bytes are filled in place: `take` hands out the
 * next ones. Full chunks wait until `work`, which hashes them and sets their writes going in the background; a caller
 * that reads from a disk starts its read first, calls `work`, and has both at once.
 */
export class ImageSink {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #options: SinkOptions;
  readonly #ctx: ImagerContext;
  readonly #hash: Hash = createHash("sha256");
  readonly #writes = new Set<Promise<void>>();
  readonly #spare: Buffer[] = [];
  #full: Chunk[] = [];
  #chunk: Chunk;
  #failure: unknown;

  private constructor(file: { path: string; handle: FileHandle }, options: SinkOptions, ctx: ImagerContext) {
    this.#path = file.path;
    this.#handle = file.handle;
    this.#options = options;
    this.#ctx = ctx;
    this.#chunk = this.#chunkAt(0);
  }

  /** Creates the file, which must not exist. */
  static async create(path: string, options: SinkOptions, ctx: ImagerContext): Promise<ImageSink> {
    const handle = await open(path, "wx").catch((error: unknown) => {
      throw cannotWrite(path, error);
    });
    return new ImageSink({ path, handle }, options, ctx);
  }

  /** The block that comes next. */
  get block(): number {
    return (this.#chunk.at + this.#chunk.length) / BLOCK_BYTES;
  }

  /** The next bytes to be filled, at most `max` and at least one, with whatever was in them before. */
  take(max: number): Buffer {
    if (this.#chunk.length === CHUNK_BYTES) this.#close();
    const from = this.#chunk.length;
    this.#chunk.length = Math.min(CHUNK_BYTES, from + max);
    return this.#chunk.buffer.subarray(from, this.#chunk.length);
  }

  /** The next block, zeroed. */
  takeBlock(): Buffer {
    return this.take(BLOCK_BYTES).fill(0);
  }

  /** Hashes what is full and begins to write it. */
  work(): void {
    for (const chunk of this.#full) {
      this.#hash.update(chunk.buffer.subarray(0, chunk.length));
      const write = this.#write(chunk).then(
        () => {
          this.#spare.push(chunk.buffer);
        },
        (error: unknown) => {
          this.#failure ??= error;
        },
      );
      this.#writes.add(write);
      void write.then(() => this.#writes.delete(write));
      this.#ctx.progress(chunk.at + chunk.length, this.#options.sizeBytes);
    }
    this.#full = [];
  }

  /** Catches up with what is full, and waits while too much of it is not written yet. Throws what a write or an abort threw. */
  async settle(maxWrites: number = MAX_WRITES): Promise<void> {
    this.work();
    throwIfAborted(this.#ctx.signal);
    while (this.#writes.size > maxWrites) await Promise.race(this.#writes);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Whether `settle` has something to do; spares the await where it has not. */
  get isBehind(): boolean {
    return this.#full.length > 0;
  }

  /** Appends zero blocks; a long run becomes a hole of the file. */
  async zeros(blocks: number): Promise<void> {
    let left = blocks * BLOCK_BYTES;
    if (left > CHUNK_BYTES) {
      this.#close();
      await this.settle();
      while (left >= CHUNK_BYTES) {
        const at = this.#chunk.at;
        this.#hash.update(ZEROS);
        if (!this.#options.sparse) await this.#writeFully(ZEROS, at);
        this.#chunk = { ...this.#chunk, at: at + CHUNK_BYTES };
        left -= CHUNK_BYTES;
        this.#ctx.progress(at + CHUNK_BYTES, this.#options.sizeBytes);
        // The hashing is synchronous; without a pause an abort could not be heard.
        if (at % (64 * CHUNK_BYTES) < CHUNK_BYTES) await new Promise(setImmediate);
        throwIfAborted(this.#ctx.signal);
      }
    }
    while (left > 0) left -= this.take(left).fill(0).length;
    if (this.isBehind) await this.settle();
  }

  /** Writes the rest and closes the file. */
  async finish(): Promise<ArtifactFacts> {
    this.#close();
    await this.settle(0);
    const { sizeBytes } = this.#options;
    await this.#handle.truncate(sizeBytes).catch((error: unknown) => {
      throw cannotWrite(this.#path, error);
    });
    await this.#handle.close();
    this.#ctx.progress(sizeBytes, sizeBytes);
    return { sizeBytes, digest: digestOf(this.#hash) };
  }

  /** Closes the file after a failure, once no write is under way any more. */
  async abandon(): Promise<void> {
    await Promise.all(this.#writes);
    await this.#handle.close();
  }

  #close(): void {
    if (this.#chunk.length === 0) return;
    this.#full.push(this.#chunk);
    this.#chunk = this.#chunkAt(this.#chunk.at + this.#chunk.length);
  }

  #chunkAt(at: number): Chunk {
    return { buffer: this.#spare.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES), at, length: 0 };
  }

  async #write({ buffer, at, length }: Chunk): Promise<void> {
    if (!this.#options.sparse) return this.#writeFully(buffer.subarray(0, length), at);
    for (const [from, to] of dataRuns(buffer, length)) {
      await this.#writeFully(buffer.subarray(from, to), at + from);
    }
  }

  async #writeFully(bytes: Buffer, position: number): Promise<void> {
    try {
      for (let done = 0; done < bytes.length; ) {
        done += (await this.#handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
      }
    } catch (error) {
      throw cannotWrite(this.#path, error);
    }
  }
}

/** The parts of a buffer that are not zeros throughout, in steps of `HOLE_BYTES`. */
function dataRuns(buffer: Buffer, length: number): [from: number, to: number][] {
  const runs: [number, number][] = [];
  for (let from = 0; from < length; from += HOLE_BYTES) {
    const to = Math.min(length, from + HOLE_BYTES);
    if (ZEROS.compare(buffer, from, to, 0, to - from) === 0) continue;
    const last = runs.at(-1);
    if (last?.[1] === from) last[1] = to;
    else runs.push([from, to]);
  }
  return runs;
}

function cannotWrite(path: string, error: unknown): FledgeError {
  return new FledgeError("io", `cannot write ${path}: ${errnoOf(error) ?? messageOf(error)}`, { cause: error });
}
