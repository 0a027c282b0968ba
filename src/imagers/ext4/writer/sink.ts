import { type FileHandle, open } from "node:fs/promises";
import type { ArtifactFacts, ImagerContext } from "../../../contract/imager.ts";
import { throwIfAborted } from "../../../lib/context.ts";
import { createHasher, type Hasher, sharedBuffer } from "../../../lib/files/hash-thread.ts";
import { ioError } from "../../../lib/files/io-error.ts";
import { BLOCK_BYTES } from "../structures/constants.ts";

const CHUNK_BYTES = 1024 * 1024;
/** A hole in the file is at least this long; asking about every block would cost more than it saves. */
const HOLE_BYTES = 64 * 1024;
/** As many chunks are hashed and written at once: enough for the one to be behind the other for a while. */
const MAX_UNDER_WAY = 8;
const ZEROS: Buffer = sharedBuffer(CHUNK_BYTES);

export type SinkOptions = {
  readonly sizeBytes: number;
  /** Leave holes where there are only zeros. */
  readonly sparse: boolean;
};

type Chunk = { readonly buffer: Buffer; readonly at: number; length: number };

/**
 * A file that is written once from front to back and hashed on the way. Bytes are filled in place: `take` hands out the
 * next ones. Full chunks wait until `work`, which has them hashed by one thread and written by another; a caller that
 * reads from a disk starts its read first, calls `work`, and has all three at once.
 */
export class ImageSink {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #options: SinkOptions;
  readonly #ctx: ImagerContext;
  readonly #hash: Hasher;
  readonly #underWay = new Set<Promise<void>>();
  readonly #spare: Buffer[] = [];
  #full: Chunk[] = [];
  #chunk: Chunk;
  #failure: unknown;

  private constructor(file: { path: string; handle: FileHandle }, options: SinkOptions, ctx: ImagerContext) {
    this.#path = file.path;
    this.#handle = file.handle;
    this.#options = options;
    this.#ctx = ctx;
    this.#hash = createHasher(options.sizeBytes);
    this.#chunk = this.#chunkAt(0);
  }

  /** Creates the file, which must not exist. */
  static async create(path: string, options: SinkOptions, ctx: ImagerContext): Promise<ImageSink> {
    const handle = await open(path, "wx").catch((error: unknown) => {
      throw ioError(error, "write", path);
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

  /** Begins to hash and to write what is full. */
  work(): void {
    for (const chunk of this.#full) {
      const { buffer, at, length } = chunk;
      const written = this.#write(chunk);
      this.#track([this.#hash.update(buffer.subarray(0, length)), written], () => this.#spare.push(buffer));
      this.#ctx.progress(at + length, this.#options.sizeBytes);
    }
    this.#full = [];
  }

  #track(work: readonly Promise<void>[], then: () => void = () => {}): void {
    const all = Promise.allSettled(work).then((results) => {
      this.#underWay.delete(all);
      const failed = results.find((result) => result.status === "rejected");
      if (failed === undefined) then();
      else this.#failure ??= failed.reason;
    });
    this.#underWay.add(all);
  }

  /** Catches up with what is full, and waits while too much of it is not written yet. Throws what a write or an abort threw. */
  async settle(maxUnderWay: number = MAX_UNDER_WAY): Promise<void> {
    this.work();
    throwIfAborted(this.#ctx.signal);
    while (this.#underWay.size > maxUnderWay) await Promise.race(this.#underWay);
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
        const { sparse } = this.#options;
        this.#track([this.#hash.update(ZEROS), ...(sparse ? [] : [this.#writeFully(ZEROS, at)])]);
        this.#chunk = { ...this.#chunk, at: at + CHUNK_BYTES };
        left -= CHUNK_BYTES;
        this.#ctx.progress(at + CHUNK_BYTES, this.#options.sizeBytes);
        await this.settle();
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
    const digest = await this.#hash.digest();
    await this.#handle.truncate(sizeBytes).catch((error: unknown) => {
      throw ioError(error, "write", this.#path);
    });
    await this.#handle.close();
    await this.#hash.close();
    this.#ctx.progress(sizeBytes, sizeBytes);
    return { sizeBytes, digest };
  }

  /** Closes the file after a failure, once no write is under way any more. */
  async abandon(): Promise<void> {
    await Promise.all(this.#underWay);
    await this.#hash.close();
    await this.#handle.close();
  }

  #close(): void {
    if (this.#chunk.length === 0) return;
    this.#full.push(this.#chunk);
    this.#chunk = this.#chunkAt(this.#chunk.at + this.#chunk.length);
  }

  #chunkAt(at: number): Chunk {
    return { buffer: this.#spare.pop() ?? sharedBuffer(CHUNK_BYTES), at, length: 0 };
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
      throw ioError(error, "write", this.#path);
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
