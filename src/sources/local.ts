import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { errnoOf, FledgeError } from "../lib/errors.ts";
import { ioError } from "../lib/files/io-error.ts";

/** A file or folder that a config names. */
export type LocalPath = {
  /** As it was written: what is told of the artifact must not depend on where the project lies. */
  readonly reference: string;
  readonly path: string;
};

const CHUNK_BYTES = 1024 * 1024;

/** A range of a file of the host. Throws an `io` error that names it. */
export async function* readLocal(
  path: string,
  range: { readonly offset: number; readonly size: number } = { offset: 0, size: Number.POSITIVE_INFINITY },
): AsyncGenerator<Uint8Array, void, undefined> {
  if (range.size === 0) return;
  const end = range.offset + range.size - 1;
  const stream = createReadStream(path, { start: range.offset, end, highWaterMark: CHUNK_BYTES });
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (error) {
    throw errnoOf(error) === undefined ? error : unreadable(path, error);
  } finally {
    stream.destroy();
  }
}

/** The size of a file that a source names. Throws an `io` error when it is not there or is no file. */
export async function sizeOfFile(path: string): Promise<number> {
  const found = await stat(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (!found.isFile()) {
    const hint = found.isDirectory() ? "it is a folder: use source.layout or source.dir" : undefined;
    throw new FledgeError("io", `cannot read ${path}: it is not a file`, { hint });
  }
  return found.size;
}

/** Throws an `io` error when a folder that a source names is not there. */
export async function requireFolder(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (!found.isDirectory()) {
    throw new FledgeError("io", `cannot read ${path}: it is not a folder`, {
      hint: "a file is named by source.archive (an image) or source.tar (a root filesystem)",
    });
  }
}

/** An `io` error for what a source names, or a file in it. */
export function unreadable(path: string | Buffer, error: unknown): FledgeError {
  return ioError(error, "read", path, {
    ifAbsent: "check the path; in a config a relative one starts from its folder",
  });
}
