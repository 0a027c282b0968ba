import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { errnoOf, FledgeError, isFledgeError } from "../lib/errors.ts";
import { ioError } from "../lib/files/io-error.ts";
import { assertAsFound, changed, openFlagsOf } from "./host-file.ts";
import type { Content, FileInode, ImageContent, Segment } from "./node.ts";
import { StoredReader, storedBytesOf, unreadableStored } from "./stored.ts";

/** A run of a file's data; `bytes` is valid until the next one is asked for. */
export type Chunk = { readonly at: number; readonly bytes: Uint8Array };

const CHUNK_BYTES = 1024 * 1024;

const ZEROS = Buffer.alloc(CHUNK_BYTES);

/**
 * A smaller file of the store is read at once: to open, read and close it by way of other threads takes longer than the
 * reading, most of all where a compressor has the processors.
 */
const SMALL_BYTES = 128 * 1024;

/** Where a file has data: one run for a plain file, none for an empty one, the segments of a sparse one. */
export function segmentsOf(file: FileInode): readonly Segment[] {
  if (file.content.kind !== "inline" && file.content.segments) return file.content.segments;
  return file.size === 0 ? [] : [{ at: 0, length: file.size }];
}

/**
 * The data of a regular file in ascending order, holes left out, in chunks of at most 1 MiB.
 * Throws an `io` error when a host file cannot be read or is not what entered the tree.
 */
export async function* readContent(file: FileInode): AsyncGenerator<Chunk, void, undefined> {
  const { content } = file;
  if (content.kind === "inline") {
    if (file.size > 0) yield { at: 0, bytes: content.bytes };
    return;
  }
  if (content.kind === "image") {
    yield* readFromImage(content);
    return;
  }
  if (content.kind === "stored" && content.segments === undefined && file.size <= SMALL_BYTES) {
    if (file.size > 0) yield { at: 0, bytes: readContentSync(file) };
    return;
  }
  const handle = await openContent(content);
  try {
    await assertUnchanged(handle, file);
    const read = readerOf(handle, file, content);
    let position = 0;
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(1, file.size)));
    for (const segment of segmentsOf(file)) {
      if (content.kind === "file") position = segment.at;
      for (let done = 0; done < segment.length; ) {
        const want = Math.min(buffer.length, segment.length - done);
        const bytes = buffer.subarray(0, want);
        await read(bytes, position);
        yield { at: segment.at + done, bytes };
        done += want;
        position += want;
      }
    }
    await assertUnchanged(handle, file);
  } finally {
    await handle.close();
  }
}

function* readFromImage(content: ImageContent): Generator<Chunk, void, undefined> {
  for (const { at, length } of content.segments) {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, length));
    for (let done = 0; done < length; ) {
      const bytes = buffer.subarray(0, Math.min(buffer.length, length - done));
      content.read(bytes, at + done);
      yield { at: at + done, bytes };
      done += bytes.length;
    }
  }
}

/** Reads from a position among the bytes that are there: of a file of the host its own, of a stored one back to back. */
type ReadAt = (out: Buffer, position: number) => Promise<void> | undefined;

function readerOf(handle: FileHandle, file: FileInode, content: OutsideContent): ReadAt {
  if (content.kind === "stored") {
    const stored = new StoredReader(handle.fd, content, storedBytesOf(content, file.size));
    return (out, position) => stored.fill(out, position);
  }
  return async (out, position) => {
    for (let done = 0; done < out.length; ) {
      const { bytesRead } = await handle.read(out, done, out.length - done, position + done);
      if (bytesRead === 0) throw changed(content.path);
      done += bytesRead;
    }
  };
}

/** SHA-256, as hex, of a regular file's bytes; a hole counts as zeros. */
export async function digestContent(file: FileInode): Promise<string> {
  const hash = createHash("sha256");
  let at = 0;
  for await (const part of readDense(file)) {
    hash.update(part);
    at += part.length;
  }
  if (at !== file.size) throw new FledgeError("internal", `read ${at} of ${file.size} bytes`);
  return hash.digest("hex");
}

/** Whether two regular files have the same bytes. Where both have a hole nothing is looked at, however long it is. */
export async function sameContent(a: FileInode, b: FileInode): Promise<boolean> {
  if (a.size !== b.size) return false;
  const sides = [new ContentCursor(a), new ContentCursor(b)] as const;
  try {
    for (let at = 0; at < a.size; ) {
      const [one, other] = [await sides[0].from(at), await sides[1].from(at)];
      const length = Math.min(one.length, other.length);
      if (!sameBytes(one.bytes?.subarray(0, length), other.bytes?.subarray(0, length))) return false;
      at += length;
    }
    return true;
  } finally {
    for (const side of sides) await side.close();
  }
}

/** The data of a file as pieces that follow each other, holes among them. */
class ContentCursor {
  readonly #chunks: AsyncGenerator<Chunk, void, undefined>;
  readonly #size: number;
  #chunk: Chunk | undefined;
  #isOver = false;

  constructor(file: FileInode) {
    this.#chunks = readContent(file);
    this.#size = file.size;
  }

  /** The piece that begins at `at`, where the last one ended or within it; a hole has no bytes. */
  async from(at: number): Promise<{ readonly length: number; readonly bytes?: Uint8Array }> {
    while (!this.#isOver && (this.#chunk === undefined || this.#chunk.at + this.#chunk.bytes.length <= at)) {
      const next = await this.#chunks.next();
      this.#isOver = next.done === true;
      this.#chunk = next.value ?? undefined;
    }
    if (this.#chunk === undefined) return { length: this.#size - at };
    if (at < this.#chunk.at) return { length: Math.min(this.#chunk.at, this.#size) - at };
    const bytes = this.#chunk.bytes.subarray(at - this.#chunk.at);
    return { length: bytes.length, bytes };
  }

  async close(): Promise<void> {
    await this.#chunks.return();
  }
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a !== undefined && b !== undefined) return Buffer.compare(a, b) === 0;
  const data = a ?? b;
  return data === undefined || Buffer.compare(data, ZEROS.subarray(0, data.length)) === 0;
}

/** A regular file's bytes from first to last, a hole as zeros, in chunks of at most 1 MiB. */
export async function* readDense(file: FileInode): AsyncGenerator<Uint8Array, void, undefined> {
  let at = 0;
  for await (const chunk of readContent(file)) {
    yield* zeros(chunk.at - at);
    yield chunk.bytes;
    at = chunk.at + chunk.bytes.length;
  }
  yield* zeros(file.size - at);
}

function* zeros(count: number): Generator<Uint8Array, void, undefined> {
  for (let left = count; left > 0; left -= CHUNK_BYTES) yield ZEROS.subarray(0, Math.min(left, CHUNK_BYTES));
}

/** The whole of a regular file, holes as zeros: for hooks and checks, which look at small files. */
export function readContentSync(file: FileInode): Buffer {
  return readRangeSync(file, 0, file.size);
}

/** `length` bytes of a regular file from `offset`, fewer at its end; holes as zeros. */
export function readRangeSync(file: FileInode, offset: number, length: number): Buffer {
  const { content } = file;
  const end = Math.min(file.size, offset + length);
  if (content.kind === "inline") return Buffer.from(content.bytes.subarray(offset, end));
  const count = Math.max(0, end - offset);
  if (content.kind === "image") {
    const read = Buffer.allocUnsafe(count);
    content.read(read, offset);
    return read;
  }
  const bytes = Buffer.alloc(count);
  let fd: number | undefined;
  try {
    fd = openSync(placeOf(content), openFlagsOf(content));
    if (content.kind === "file") assertAsFound(fstatSync(fd, { bigint: true }), file);
    const read = readerNowOf(fd, file, content);
    let position = 0;
    for (const segment of segmentsOf(file)) {
      if (content.kind === "file") position = segment.at;
      const from = Math.max(segment.at, offset);
      const to = Math.min(segment.at + segment.length, end);
      if (from < to) read(bytes.subarray(from - offset, to - offset), position + from - segment.at);
      position += segment.length;
    }
  } catch (error) {
    throw isFledgeError(error) ? error : unreadable(content, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
  return bytes;
}

function readerNowOf(fd: number, file: FileInode, content: OutsideContent): (out: Buffer, position: number) => void {
  if (content.kind === "stored") {
    const stored = new StoredReader(fd, content, storedBytesOf(content, file.size));
    return (out, position) => stored.fillNow(out, position);
  }
  return (out, position) => {
    for (let done = 0; done < out.length; ) {
      const count = readSync(fd, out, done, out.length - done, position + done);
      if (count === 0) throw changed(content.path);
      done += count;
    }
  };
}

async function openContent(content: OutsideContent): Promise<FileHandle> {
  try {
    return await open(placeOf(content), openFlagsOf(content));
  } catch (error) {
    throw unreadable(content, error);
  }
}

/** A content that has to be read from a file. */
type OutsideContent = Exclude<Content, { kind: "inline" | "image" }>;

function placeOf(content: OutsideContent): string | Buffer {
  return content.kind === "file" ? content.path : content.file;
}

/** Why a content's file cannot be opened or read; a link in its place is no way to it. */
export function unreadable(content: OutsideContent, error: unknown): unknown {
  if (content.kind === "stored") return unreadableStored(content, error);
  if (errnoOf(error) === "ELOOP") return changed(content.path);
  return ioError(error, "read", content.path);
}

async function assertUnchanged(handle: FileHandle, file: FileInode): Promise<void> {
  if (file.content.kind === "file") assertAsFound(await handle.stat({ bigint: true }), file);
}
