import type { FileHandle } from "node:fs/promises";
import type { FledgeError } from "../lib/errors.ts";
import { type Hasher, sharedBuffer } from "../lib/files/hash-thread.ts";

const BATCH_BYTES = 1024 * 1024;

/** Hashes and writes chunks back to back in batches, one batch on its way while the next one fills. */
export class SequentialWriter {
  readonly #handle: FileHandle;
  readonly #hash: Hasher;
  readonly #explain: (error: unknown) => FledgeError;
  #batch: Buffer = sharedBuffer(BATCH_BYTES);
  #other: Buffer = sharedBuffer(BATCH_BYTES);
  #filled = 0;
  #running: Promise<unknown> = Promise.resolve();
  #position = 0;

  constructor(handle: FileHandle, hash: Hasher, explain: (error: unknown) => FledgeError) {
    this.#handle = handle;
    this.#hash = hash;
    this.#explain = explain;
  }

  /** The chunk is copied. Throws what an earlier write threw. */
  async write(chunk: Uint8Array): Promise<void> {
    for (let done = 0; done < chunk.length; ) {
      const part = chunk.subarray(done, done + BATCH_BYTES - this.#filled);
      this.#batch.set(part, this.#filled);
      this.#filled += part.length;
      done += part.length;
      if (this.#filled === BATCH_BYTES) await this.#flush();
    }
  }

  async end(): Promise<void> {
    await this.#flush();
    await this.#running;
  }

  /** Waits for the write that runs, whatever becomes of it: before the file is closed. */
  async settle(): Promise<void> {
    await this.#running.catch(() => undefined);
  }

  async #flush(): Promise<void> {
    await this.#running;
    const batch = this.#batch.subarray(0, this.#filled);
    [this.#batch, this.#other] = [this.#other, this.#batch];
    this.#filled = 0;
    // Settled together, since a buffer must not be filled while somebody still looks at it.
    this.#running = allOf([this.#hash.update(batch), this.#write(batch)]);
    // It is awaited later; until then nobody listens.
    this.#running.catch(() => undefined);
  }

  async #write(batch: Buffer): Promise<void> {
    try {
      for (let done = 0; done < batch.length; ) {
        const { bytesWritten } = await this.#handle.write(batch, done, batch.length - done, this.#position);
        this.#position += bytesWritten;
        done += bytesWritten;
      }
    } catch (error) {
      throw this.#explain(error);
    }
  }
}

async function allOf(work: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(work);
  await Promise.all(work);
}
