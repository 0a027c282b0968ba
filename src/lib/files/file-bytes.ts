import { createReadStream } from "node:fs";
import { throwIfAborted } from "../context.ts";

const CHUNK_BYTES = 256 * 1024;

/** Which of a file's bytes: from `start` up to `end` (exclusive), in chunks of `chunkBytes`. Default all, 256 KiB. */
export type Bytes = { readonly start?: number; readonly end?: number; readonly chunkBytes?: number };

/**
 * The bytes of a file, which is opened with the first of them: a stream that fails, or is aborted, before somebody reads
 * it ends the process. Throws what the operating system says, and an `aborted` error.
 */
export async function* fileBytes(
  path: string,
  signal: AbortSignal,
  { start = 0, end = Number.POSITIVE_INFINITY, chunkBytes = CHUNK_BYTES }: Bytes = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  throwIfAborted(signal);
  for await (const chunk of createReadStream(path, { start, end: end - 1, highWaterMark: chunkBytes })) {
    throwIfAborted(signal);
    yield chunk as Buffer;
  }
}
