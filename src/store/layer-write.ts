import { createHash, type Hash } from "node:crypto";
import { open, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatSize } from "../lib/bytes.ts";
import { type RunContext, throwIfAborted, type Warning } from "../lib/context.ts";
import { decompress, WindowError } from "../lib/decompress.ts";
import { type Digest, digestOf } from "../lib/digest.ts";
import { FledgeError } from "../lib/errors.ts";
import { createHasher } from "../lib/files/hash-thread.ts";
import { bootId } from "../lib/process/owner.ts";
import { createIndexEncoder } from "../rootfs/layers/layer-index.ts";
import { DEFAULT_LIMITS, type LayerLimits, overLimit } from "../rootfs/limits.ts";
import { SumWriter } from "../rootfs/sums.ts";
import { createTarIndexer } from "../rootfs/tar/read.ts";
import { INDEX, type LayerRecord, TAR, unusable, writeRecord } from "./layer-entry.ts";
import { SequentialWriter } from "./sequential-writer.ts";

/** A layer's archive as it comes, compressed or not, and what is known of it beforehand. */
export type LayerInput = {
  /** What errors call it. */
  readonly label: string;
  /** The archive from its first byte. */
  readonly stream: AsyncIterable<Uint8Array>;
  /** Of the archive as it comes; checked where given. */
  readonly blob?: { readonly digest: Digest; readonly size?: number };
  /** Of the archive uncompressed; checked where given. */
  readonly diffId?: Digest;
  readonly limits?: Partial<LayerLimits> | undefined;
};

/**
 * Unpacks a layer into `folder` while it streams: hash, decompress, hash, index and write in one pass. Throws a `checksum`
 * error that names the blob when a digest or a size is wrong, and a `source` error for an archive that cannot be read.
 */
export async function writeLayer(folder: string, input: LayerInput, ctx: RunContext): Promise<LayerRecord> {
  const warnings: Warning[] = [];
  const tar = join(folder, TAR);
  const encoder = createIndexEncoder();
  let entries = 0;
  const sums = new SumWriter();
  const indexer = createTarIndexer(
    { label: input.label, storedFile: tar, limits: input.limits, warn: (warning) => void warnings.push(warning), sums },
    (entry) => {
      entries++;
      encoder.add(entry);
    },
  );
  const blob = new BlobCheck(input);
  const diff = createHasher(input.blob?.size);
  const { signal, env } = ctx;
  const maxWindowBytes = input.limits?.maxWindowBytes ?? DEFAULT_LIMITS.maxWindowBytes;
  const handle = await open(tar, "wx", 0o644).catch((error: unknown) => {
    throw unusable(tar, error);
  });
  try {
    const writer = new SequentialWriter(handle, diff, (error) => unusable(tar, error));
    try {
      for await (const chunk of decompress(blob.watch(input.stream), {
        label: input.label,
        env,
        signal,
        maxWindowBytes,
      })) {
        throwIfAborted(signal);
        indexer.write(chunk);
        await writer.write(chunk);
      }
    } catch (error) {
      await writer.settle();
      const thrown = error instanceof WindowError ? windowLimit(input.label, error, maxWindowBytes) : error;
      // Whatever broke the reader, bytes that are not those of the digest are the cause that matters.
      await blob.explain(thrown);
      throw thrown;
    }
    blob.finish();
    await writer.end();
    const diffId = checkDiffId(await diff.digest(), input);
    indexer.end();
    const boot = bootId();
    // Where nothing tells that the machine was started anew, only fsync makes sure of the tar after a power cut.
    if (boot === undefined) await handle.sync();
    const written = await handle.stat();
    const index = join(folder, INDEX);
    await writeFile(index, encoder.finish(sums.values())).catch((error) => {
      throw unusable(index, error);
    });
    const record: LayerRecord = {
      version: 2,
      diffId,
      tarBytes: written.size,
      tarMtimeMs: written.mtimeMs,
      ...(boot !== undefined && { boot }),
      entries,
      warnings,
    };
    await writeRecord(folder, record).catch((error) => {
      throw unusable(folder, error);
    });
    return record;
  } finally {
    await diff.close();
    await handle.close();
  }
}

/** Moves a written layer to its place. False when somebody else was faster, and what they left may be used. */
export async function publishLayer(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if ((await stat(to).catch(() => undefined)) !== undefined) return false;
    throw unusable(to, error);
  }
}

/** Takes a damaged layer out of the way; `to` is in a staging folder. */
export async function retireLayer(folder: string, to: string): Promise<void> {
  await rename(folder, to).catch(() => undefined); // Somebody else did.
  await rm(to, { recursive: true, force: true });
}

/** Counts and hashes a blob on its way. */
class BlobCheck {
  readonly #input: LayerInput;
  readonly #hash: Hash | undefined;
  #rest: AsyncIterator<Uint8Array> | undefined;
  #bytes = 0;
  #isOver = false;

  constructor(input: LayerInput) {
    this.#input = input;
    this.#hash = input.blob && createHash("sha256");
  }

  async *watch(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    const chunks = stream[Symbol.asyncIterator]();
    this.#rest = chunks;
    try {
      for (;;) {
        const next = await chunks.next();
        if (next.done === true) break;
        this.#take(next.value);
        yield next.value;
      }
      this.#isOver = true;
    } finally {
      if (this.#isOver) await chunks.return?.();
    }
  }

  /** After an error of the reader: reads the blob to its end, and throws when it is not the one that was meant. */
  async explain(error: unknown): Promise<void> {
    const isOfReader = error instanceof FledgeError && error.code === "source";
    try {
      if (!isOfReader || this.#rest === undefined || this.#hash === undefined) return;
      for (let next = await this.#rest.next(); next.done !== true; next = await this.#rest.next())
        this.#take(next.value);
      this.finish();
    } finally {
      await this.#rest?.return?.();
    }
  }

  finish(): void {
    const { label, blob } = this.#input;
    if (blob === undefined || this.#hash === undefined) return;
    if (blob.size !== undefined && this.#bytes !== blob.size) throw this.#wrongSize(blob.size);
    const actual = digestOf(this.#hash);
    if (actual !== blob.digest) throw mismatch(`${label} has the digest ${actual} instead of ${blob.digest}`);
  }

  #take(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    const size = this.#input.blob?.size;
    if (size !== undefined && this.#bytes > size) throw this.#wrongSize(size);
    this.#hash?.update(chunk);
  }

  #wrongSize(size: number): FledgeError {
    const what = this.#bytes > size ? `more than ${size} bytes` : `${this.#bytes} bytes instead of ${size}`;
    return mismatch(`${this.#input.label} has ${what}`);
  }
}

function windowLimit(label: string, { bytes }: WindowError, value: number): FledgeError {
  const needs = bytes === undefined ? `more than ${formatSize(value)}` : formatSize(bytes);
  const what = `needs ${needs} of memory to be unpacked`;
  return overLimit(label, { limit: "maxWindowBytes", what, value });
}

function checkDiffId(actual: Digest, { label, diffId }: LayerInput): Digest {
  if (diffId === undefined || actual === diffId) return actual;
  throw mismatch(`${label} unpacks to the digest ${actual}, but the image's config says ${diffId} (diff_id)`);
}

function mismatch(message: string): FledgeError {
  return new FledgeError("checksum", message, {
    hint: "what was fetched is deleted; build again, and if it persists the registry, mirror or file is damaged",
  });
}
