import type { FileHandle } from "node:fs/promises";
import type { FledgeError } from "../lib/errors.ts";

const BATCH_BYTES = 1024 * 1024;

/** Writes chunks back to back in batches, one batch on its way to the disk while the next one fills. */
export class SequentialWriter {
  readonly #handle: FileHandle;
  readonly #explain: (error: unknown) => FledgeError;
  #batch: Uint8Array[] = [];
  #batchBytes = 0;
  #running: Promise<void> = Promise.resolve();
  #position = 0;

  constructor(handle: FileHandle, explain: (error: unknown) => FledgeError) {
    this.#handle = handle;
    this.#explain = explain;
  }

  /** The chunk is kept until it is written and must not change. Throws what an earlier write threw. */
  async write(chunk: Uint8Array): Promise<void> {
    this.#batch.push(chunk);
    this.#batchBytes += chunk.length;
    if (this.#batchBytes >= BATCH_BYTES) await this.#flush();
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
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    this.#batchBytes = 0;
    this.#running = this.#writeAll(batch);
    // It is awaited later; until then nobody listens.
    this.#running.catch(() => undefined);
  }

  async #writeAll(batch: Uint8Array[]): Promise<void> {
    let pending = batch;
    try {
      while (pending.length > 0) {
        const { bytesWritten } = await this.#handle.writev(pending, this.#position);
        this.#position += bytesWritten;
        pending = without(pending, bytesWritten);
      }
    } catch (error) {
      throw this.#explain(error);
    }
  }
}

/** What is left of `chunks` after their first `bytes`. */
function without(chunks: Uint8Array[], bytes: number): Uint8Array[] {
  let left = bytes;
  for (const [i, chunk] of chunks.entries()) {
    if (left < chunk.length) return [chunk.subarray(left), ...chunks.slice(i + 1)];
    left -= chunk.length;
  }
  return [];
}
