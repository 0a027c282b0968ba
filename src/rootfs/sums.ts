import { crc32 } from "node:zlib";

/** A content of the store has a checksum for each piece of this length, the last one being what is left. */
export const PIECE_BYTES = 64 * 1024;

/** The checksums of all contents of one layer of the store. */
export type LayerSums = {
  /** CRC-32 (of zlib, signed) of the pieces, content by content in the order of the archive. */
  readonly values: Int32Array;
  /** The error to throw for a content that is not what was unpacked; `why` goes on from "is damaged in the cache: ". */
  damaged(why: string, cause?: unknown): Error;
};

export function pieceCount(bytes: number): number {
  return Math.ceil(bytes / PIECE_BYTES);
}

export function sumOf(piece: Uint8Array): number {
  return crc32(piece) | 0;
}

/** Takes the checksums of contents while they pass by in chunks of any size. */
export class SumWriter {
  #values = new Int32Array(1024);
  #count = 0;
  #sum = 0;
  #filled = 0;

  /** Bytes of the content that passes by; `endContent` says when it has. */
  update(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const part = bytes.subarray(done, done + PIECE_BYTES - this.#filled);
      this.#sum = crc32(part, this.#sum);
      this.#filled += part.length;
      done += part.length;
      if (this.#filled === PIECE_BYTES) this.endContent();
    }
  }

  endContent(): void {
    if (this.#filled === 0) return;
    if (this.#count === this.#values.length) {
      const larger = new Int32Array(this.#count * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count++] = this.#sum | 0;
    this.#sum = 0;
    this.#filled = 0;
  }

  values(): Int32Array {
    return this.#values.subarray(0, this.#count);
  }
}
