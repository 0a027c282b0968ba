import { type FileHandle, open } from "node:fs/promises";
import { errnoOf, FledgeError, messageOf } from "../lib/errors.ts";
import type { FileInode, Segment } from "./node.ts";

/** A run of a file's data; `bytes` is valid until the next one is asked for. */
export type Chunk = { readonly at: number; readonly bytes: Uint8Array };

const CHUNK_BYTES = 1024 * 1024;

/** Where a file has data: one run for a plain file, none for an empty one, the segments of a sparse one. */
export function segmentsOf(file: FileInode): readonly Segment[] {
  if (file.content.kind === "stored" && file.content.segments) return file.content.segments;
  return file.size === 0 ? [] : [{ at: 0, length: file.size }];
}

/**
 * The data of a regular file in ascending order, holes left out, in chunks of at most 1 MiB.
 * Throws an `io` error when a host file cannot be read or has changed its size since it entered the tree.
 */
export async function* readContent(file: FileInode): AsyncGenerator<Chunk, void, undefined> {
  const { content } = file;
  if (content.kind === "inline") {
    if (file.size > 0) yield { at: 0, bytes: content.bytes };
    return;
  }
  const path = content.kind === "file" ? content.path : content.file;
  const handle = await openContent(path);
  try {
    if (content.kind === "file") await assertUnchanged(handle, path, file.size);
    let position = content.kind === "stored" ? content.offset : 0;
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(1, file.size)));
    for (const segment of segmentsOf(file)) {
      for (let done = 0; done < segment.length; ) {
        const want = Math.min(buffer.length, segment.length - done);
        const { bytesRead } = await handle.read(buffer, 0, want, position);
        if (bytesRead === 0) throw changed(path);
        yield { at: segment.at + done, bytes: buffer.subarray(0, bytesRead) };
        done += bytesRead;
        position += bytesRead;
      }
    }
  } finally {
    await handle.close();
  }
}

async function openContent(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    throw new FledgeError("io", `cannot read ${path}: ${errnoOf(error) ?? messageOf(error)}`, { cause: error });
  }
}

async function assertUnchanged(handle: FileHandle, path: string, size: number): Promise<void> {
  if ((await handle.stat()).size !== size) throw changed(path);
}

function changed(path: string): FledgeError {
  return new FledgeError("io", `${path} changed while the image was being written`, { hint: "build again" });
}
