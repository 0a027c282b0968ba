import type { FileHandle } from "node:fs/promises";

const BLOCK_BYTES = 4096;
const ZEROS: Buffer = Buffer.alloc(BLOCK_BYTES);

/** Writes what is not zero, in blocks of the file; the rest becomes a hole. */
export async function writeSparse(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let from = 0;
  const flush = async (end: number): Promise<void> => {
    for (let done = from; done < end; ) {
      done += (await file.write(bytes, done, end - done, position + done)).bytesWritten;
    }
  };
  for (let at = 0; at < bytes.length; ) {
    const length = Math.min(BLOCK_BYTES - ((position + at) % BLOCK_BYTES), bytes.length - at);
    if (ZEROS.compare(bytes, at, at + length, 0, length) === 0) {
      await flush(at);
      from = at + length;
    }
    at += length;
  }
  await flush(bytes.length);
}
