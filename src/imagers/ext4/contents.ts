import { closeSync, constants, fstatSync, openSync, read, readSync } from "node:fs";
import { segmentsOf, unreadable } from "../../rootfs/content.ts";
import { assertAsFound, changed, openFlagsOf } from "../../rootfs/host-file.ts";
import type { FileInode } from "../../rootfs/node.ts";

/** From here on a read is worth a thread of its own, so that hashing and writing go on meanwhile. Shorter ones are done at once. */
const ASYNC_BYTES = 128 * 1024;

/**
 * Reads the contents of one file after the other into buffers of the caller. It keeps the layers of the store open:
 * thousands of small files are then one read each.
 */
export class ContentReader {
  readonly #layers = new Map<string, number>();
  /** The first segment not wholly behind `at`, and where its bytes are: a file of many segments stays linear. */
  #sparse: { readonly file: FileInode; at: number; index: number; position: number } | undefined;
  #hostFile: { readonly file: FileInode; readonly fd: number } | undefined;

  /** Fills `out` with the file's bytes from `at` on, zeros in holes and past its end. Undefined when that is already done. */
  fill(file: FileInode, at: number, out: Buffer): Promise<void> | undefined {
    const { content } = file;
    const length = Math.min(out.length, file.size - at);
    if (length < out.length) out.fill(0, Math.max(0, length));
    switch (content.kind) {
      case "inline":
        out.set(content.bytes.subarray(at, at + out.length));
        return undefined;
      case "file":
        return readInto(this.#openHostFile(file, content.path), out.subarray(0, length), {
          position: at,
          path: content.path,
        });
      case "stored": {
        if (content.segments) {
          this.#fillSparse(file, at, out);
          return undefined;
        }
        const source = { position: content.offset + at, path: content.file };
        return readInto(this.#openLayer(content.file), out.subarray(0, length), source);
      }
    }
  }

  #fillSparse(file: FileInode, at: number, out: Buffer): void {
    if (file.content.kind !== "stored") return;
    const { file: path, offset } = file.content;
    const fd = this.#openLayer(path);
    const segments = segmentsOf(file);
    let cursor = this.#sparse;
    if (cursor?.file !== file || cursor.at > at) cursor = { file, at, index: 0, position: offset };
    out.fill(0);
    const end = at + out.length;
    for (let segment = segments[cursor.index]; segment && segment.at < end; segment = segments[cursor.index]) {
      const from = Math.max(at, segment.at);
      const segmentEnd = segment.at + segment.length;
      const to = Math.min(end, segmentEnd);
      if (from < to)
        readNow(fd, out.subarray(from - at, to - at), { position: cursor.position + from - segment.at, path });
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

  #openLayer(path: string): number {
    const known = this.#layers.get(path);
    if (known !== undefined) return known;
    const fd = openContent(path, constants.O_RDONLY);
    this.#layers.set(path, fd);
    return fd;
  }

  /** Ends the reading of a file: throws an `io` error if it changed meanwhile. */
  finish(): void {
    if (this.#hostFile) assertAsFound(fstatSync(this.#hostFile.fd, { bigint: true }), this.#hostFile.file);
    this.#closeHostFile();
  }

  #openHostFile(file: FileInode, path: string | Buffer): number {
    if (this.#hostFile?.file === file) return this.#hostFile.fd;
    this.finish();
    const fd = openContent(path, openFlagsOf(file.content));
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

function openContent(path: string | Buffer, flags: number): number {
  try {
    return openSync(path, flags);
  } catch (error) {
    throw unreadable(path, error);
  }
}
