import { read, readSync } from "node:fs";
import { errnoOf } from "../lib/errors.ts";
import { ioError } from "../lib/files/io-error.ts";
import { changed } from "./host-file.ts";
import type { StoredContent } from "./node.ts";
import { PIECE_BYTES, sumOf } from "./sums.ts";

/** From here on a read is worth a thread of its own, so that hashing and writing go on meanwhile. Shorter ones are done at once. */
export const ASYNC_BYTES: number = 128 * 1024;

/** How many bytes of a content are in the archive: all of a plain file, the segments of a sparse one. */
export function storedBytesOf({ segments }: Pick<StoredContent, "segments">, size: number): number {
  return segments === undefined ? size : segments.reduce((sum, { length }) => sum + length, 0);
}

/**
 * The bytes of one content of a layer, back to back as the archive has them. Where the layer has checksums no byte is
 * handed out before its piece was checked; read from front to back, each piece is read once.
 */
export class StoredReader {
  readonly #fd: number;
  readonly #content: StoredContent;
  readonly #bytes: number;
  #piece: Buffer | undefined;
  #pieceIndex = -1;

  constructor(fd: number, content: StoredContent, bytes: number) {
    this.#fd = fd;
    this.#content = content;
    this.#bytes = bytes;
  }

  /** Fills `out` with what begins at `at`. Undefined when that is already done. */
  fill(out: Buffer, at: number): Promise<void> | undefined {
    const { head, middle } = this.#parts(out, at);
    this.#copy(out.subarray(0, head), at);
    this.#copy(out.subarray(head + middle), at + head + middle);
    const whole = out.subarray(head, head + middle);
    if (middle >= ASYNC_BYTES) return this.#readLater(whole, at + head);
    this.#readNow(whole, at + head);
    return undefined;
  }

  fillNow(out: Buffer, at: number): void {
    const { head, middle } = this.#parts(out, at);
    this.#copy(out.subarray(0, head), at);
    this.#readNow(out.subarray(head, head + middle), at + head);
    this.#copy(out.subarray(head + middle), at + head + middle);
  }

  /** The parts of a range: what is left of a piece that it begins in, and the whole pieces after that. */
  #parts(out: Buffer, at: number): { head: number; middle: number } {
    if (this.#content.check === undefined) return { head: 0, middle: out.length };
    const head = Math.min(out.length, (PIECE_BYTES - (at % PIECE_BYTES)) % PIECE_BYTES);
    const end = at + out.length;
    if (end >= this.#bytes) return { head, middle: out.length - head };
    return { head, middle: Math.max(0, end - (end % PIECE_BYTES) - at - head) };
  }

  /** For what is not whole pieces: they are checked as a whole, and the last one kept. */
  #copy(out: Buffer, at: number): void {
    for (let done = 0; done < out.length; ) {
      const index = Math.floor((at + done) / PIECE_BYTES);
      const from = at + done - index * PIECE_BYTES;
      const piece = this.#pieceAt(index);
      done += piece.copy(out, done, from);
    }
  }

  #pieceAt(index: number): Buffer {
    if (this.#piece === undefined || this.#pieceIndex !== index) {
      const start = index * PIECE_BYTES;
      const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, this.#bytes - start));
      this.#readNow(piece, start);
      this.#piece = piece;
      this.#pieceIndex = index;
    }
    return this.#piece;
  }

  #readNow(out: Buffer, at: number): void {
    for (let done = 0; done < out.length; ) {
      let count: number;
      try {
        count = readSync(this.#fd, out, done, out.length - done, this.#content.offset + at + done);
      } catch (error) {
        throw unreadableStored(this.#content, error);
      }
      if (count === 0) throw this.#cutShort();
      done += count;
    }
    this.#check(out, at);
  }

  async #readLater(out: Buffer, at: number): Promise<void> {
    for (let done = 0; done < out.length; ) {
      const from = done;
      const count = await new Promise<number>((resolve, reject) => {
        read(this.#fd, out, from, out.length - from, this.#content.offset + at + from, (error, bytes) =>
          error ? reject(unreadableStored(this.#content, error)) : resolve(bytes),
        );
      });
      if (count === 0) throw this.#cutShort();
      done += count;
    }
    this.#check(out, at);
  }

  /** `at` is where a piece begins. */
  #check(out: Buffer, at: number): void {
    const { check } = this.#content;
    if (check === undefined) return;
    for (let done = 0; done < out.length; done += PIECE_BYTES) {
      const expected = check.layer.values[check.first + (at + done) / PIECE_BYTES];
      if (sumOf(out.subarray(done, done + PIECE_BYTES)) === expected) continue;
      const from = this.#content.offset + at + done;
      throw check.layer.damaged(`what is at byte ${from} of its tar is not what was unpacked`);
    }
  }

  #cutShort(): Error {
    const { check, file } = this.#content;
    return check?.layer.damaged("its tar is cut short") ?? changed(file);
  }
}

/** What is said of a file that is there no more, and of a disk that fails. */
const LOST: ReadonlySet<string> = new Set(["ENOENT", "EIO"]);

/** Why a layer's archive cannot be opened or read: of one that is there no more or on a failing disk, that it is damaged. */
export function unreadableStored({ check, file }: StoredContent, error: unknown): unknown {
  const errno = errnoOf(error) ?? "";
  if (check === undefined || !LOST.has(errno)) return ioError(error, "read", file);
  return check.layer.damaged(`its tar cannot be read (${errno})`, error);
}
