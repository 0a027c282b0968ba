import { closeSync, fstatSync, openSync, read, readSync } from "node:fs";
import { readRangeSync, segmentsOf, unreadable } from "../../../rootfs/content.ts";
import { assertAsFound, changed, openFlagsOf } from "../../../rootfs/host-file.ts";
import type { Content, FileInode } from "../../../rootfs/node.ts";
import { ASYNC_BYTES, StoredReader, storedBytesOf } from "../../../rootfs/stored.ts";

type HostContent = Extract<Content, { kind: "file" }>;
type StoredContent = Extract<Content, { kind: "stored" }>;

/**
 * Reads the contents of one file after the other into buffers of the caller. It keeps the layers of the store open:
 * thousands of small files are then one read each.
 */
export class ContentReader {
  readonly #layers = new Map<string, number>();
  /** The first segment not wholly behind `at`, and where its bytes are: a file of many segments stays linear. */
  #sparse: { readonly file: FileInode; at: number; index: number; position: number } | undefined;
  #stored: { readonly file: FileInode; readonly reader: StoredReader } | undefined;
  #hostFile: { readonly file: FileInode; readonly fd: number } | undefined;

  /** Fills `out` with the file's bytes from `at` on, zeros in holes and past its end. Undefined when that is already done. */
  fill(file: FileInode, at: number, out: Buffer): Promise<void> | undefined {
    const { content } = file;
    const length = Math.max(0, Math.min(out.length, file.size - at));
    if (length < out.length) out.fill(0, Math.max(0, length));
    switch (content.kind) {
      case "image":
        readRangeSync(file, at, length).copy(out);
        return undefined;
      case "inline":
        out.set(content.bytes.subarray(at, at + out.length));
        return undefined;
      case "file":
        return readInto(this.#openHostFile(file, content), out.subarray(0, length), {
          position: at,
          path: content.path,
        });
      case "stored": {
        if (content.segments === undefined) return this.#readerOf(file, content).fill(out.subarray(0, length), at);
        this.#fillSparse(file, content, at, out);
        return undefined;
      }
    }
  }

  #fillSparse(file: FileInode, content: StoredContent, at: number, out: Buffer): void {
    const reader = this.#readerOf(file, content);
    const segments = segmentsOf(file);
    let cursor = this.#sparse;
    if (cursor?.file !== file || cursor.at > at) cursor = { file, at, index: 0, position: 0 };
    out.fill(0);
    const end = at + out.length;
    for (let segment = segments[cursor.index]; segment && segment.at < end; segment = segments[cursor.index]) {
      const from = Math.max(at, segment.at);
      const segmentEnd = segment.at + segment.length;
      const to = Math.min(end, segmentEnd);
      if (from < to) reader.fillNow(out.subarray(from - at, to - at), cursor.position + from - segment.at);
      if (segmentEnd > end) break;
      cursor.position += segment.length;
      cursor.index += 1;
    }
    cursor.at = end;
    this.#sparse = cursor;
  }

  close(): void {
    this.#closeHostFile();
    for (const fd of this.#layers.values()) closeSync(fd);
    this.#layers.clear();
  }

  #readerOf(file: FileInode, content: StoredContent): StoredReader {
    if (this.#stored?.file !== file) {
      const reader = new StoredReader(this.#openLayer(content), content, storedBytesOf(content, file.size));
      this.#stored = { file, reader };
    }
    return this.#stored.reader;
  }

  #openLayer(content: StoredContent): number {
    const known = this.#layers.get(content.file);
    if (known !== undefined) return known;
    const fd = openContent(content, content.file);
    this.#layers.set(content.file, fd);
    return fd;
  }

  /** Ends the reading of a file: throws an `io` error if it changed meanwhile. */
  finish(): void {
    if (this.#hostFile) assertAsFound(fstatSync(this.#hostFile.fd, { bigint: true }), this.#hostFile.file);
    this.#closeHostFile();
  }

  #openHostFile(file: FileInode, content: HostContent): number {
    if (this.#hostFile?.file === file) return this.#hostFile.fd;
    this.finish();
    const fd = openContent(content, content.path);
    this.#hostFile = { file, fd };
    assertAsFound(fstatSync(fd, { bigint: true }), file);
    return fd;
  }

  #closeHostFile(): void {
    if (this.#hostFile) closeSync(this.#hostFile.fd);
    this.#hostFile = undefined;
  }
}

type Source = { readonly position: number; readonly path: string | Buffer };

function readInto(fd: number, out: Buffer, source: Source): Promise<void> | undefined {
  if (out.length >= ASYNC_BYTES) return readLarge(fd, out, source);
  readNow(fd, out, source);
  return undefined;
}

function readNow(fd: number, out: Buffer, { position, path }: Source): void {
  for (let done = 0; done < out.length; ) {
    const bytes = readSync(fd, out, done, out.length - done, position + done);
    if (bytes === 0) throw changed(path);
    done += bytes;
  }
}

async function readLarge(fd: number, out: Buffer, { position, path }: Source): Promise<void> {
  for (let done = 0; done < out.length; ) {
    const from = done;
    const bytes = await new Promise<number>((resolve, reject) => {
      read(fd, out, from, out.length - from, position + from, (error, count) =>
        error ? reject(error) : resolve(count),
      );
    });
    if (bytes === 0) throw changed(path);
    done += bytes;
  }
}

function openContent(content: HostContent | StoredContent, path: string | Buffer): number {
  try {
    return openSync(path, openFlagsOf(content));
  } catch (error) {
    throw unreadable(content, error);
  }
}
