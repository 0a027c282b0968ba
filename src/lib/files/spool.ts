import type { FileHandle } from "node:fs/promises";
import { mkdir, open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { ownerName } from "../process/owner.ts";
import { ioError } from "./io-error.ts";

/**
 * Keeps a stream in a file of `folder` that has no name: it is gone when it is closed, or with the process. For what has
 * to be read here and there and is larger than memory. Throws an `io` error where it cannot be written.
 */
export async function spool(chunks: AsyncIterable<Uint8Array>, folder: string): Promise<FileHandle> {
  const path = join(folder, `${ownerName()}.spool`);
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw ioError(error, "write", folder);
  });
  const file = await open(path, "wx+", 0o600).catch((error: unknown) => {
    throw ioError(error, "write", path);
  });
  try {
    await unlink(path);
    for await (const chunk of chunks) await writeAll(file, chunk, path);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array, path: string): Promise<void> {
  try {
    for (let done = 0; done < chunk.length; ) done += (await file.write(chunk, done)).bytesWritten;
  } catch (error) {
    throw ioError(error, "write", path);
  }
}
