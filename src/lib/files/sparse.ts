import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { type Digest, digestOf } from "../digest.ts";

const BLOCK_BYTES = 4096;
const ZEROS: Buffer = Buffer.alloc(BLOCK_BYTES);

/**
 * Writes a stream to a new file, with holes for what is zero, and flushes it; returns what it was. Whatever ends it early
 * leaves a file that is the caller's to remove.
 */
export async function writeSparseFile(
  to: string,
  chunks: AsyncIterable<Uint8Array>,
  mode?: number,
): Promise<{ readonly digest: Digest; readonly sizeBytes: number }> {
  const hash = createHash("sha256");
  const file = await open(to, "wx", mode);
  try {
    let at = 0;
    for await (const chunk of chunks) {
      hash.update(chunk);
      await writeSparse(file, chunk, at);
      at += chunk.length;
    }
    await file.truncate(at); // it may end in a hole
    await file.sync();
    return { digest: digestOf(hash), sizeBytes: at };
  } finally {
    await file.close();
  }
}

/** Gives a file the blocks that its holes lack, by writing what is read there. */
export async function fillHoles(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    const buffer = Buffer.alloc(2 ** 20);
    for (let at = 0; ; ) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) break;
      await writeWhole(file, buffer.subarray(0, bytesRead), at);
      at += bytesRead;
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Writes what is not zero, in blocks of the file; the rest becomes a hole. */
async function writeSparse(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let from = 0;
  const flush = (end: number): Promise<void> => writeWhole(file, bytes.subarray(from, end), position + from);
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

async function writeWhole(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}
