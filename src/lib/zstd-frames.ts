// A zstd stream is a row of frames (RFC 8878, section 3). Node's decoder up to version 25 stops after the first, without
// an error (nodejs/node#64741), so the frames are told apart here and each gets a decoder of its own.
//   frame: magic[4] descriptor[1] window[0-1] dictionary-id[0-4] content-size[0-8] block* checksum[0 or 4]
//   descriptor: content-size[2 bits] single-segment[1] unused[2] checksum[1] dictionary-id[2]
//   block: header[3], little-endian: size[21 bits] type[2 bits] last[1 bit]; of type 1 (RLE) there is one byte of content
//   skippable frame: 0x184D2A5? [4] size[4] content[size]
const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const BLOCK_RLE = 1;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;

/** A stream that wants more memory than it may have; `bytes` is how much, where that is known. */
export class WindowError extends Error {
  readonly bytes: number | undefined;

  constructor(bytes: number | undefined) {
    super("unpacking it takes more memory than it may");
    this.bytes = bytes;
  }
}

/** A piece of a frame; `isLast` ends the frame. */
export type FramePiece = { readonly bytes: Buffer; readonly isLast: boolean };

/**
 * Cuts a zstd stream into the pieces of its frames, skippable frames left out. Throws where it is no zstd or cut short, and a
 * `WindowError` for a frame that wants more than `maxWindowBytes` in memory.
 */
export async function* splitFrames(
  input: AsyncIterable<Uint8Array>,
  maxWindowBytes: number,
): AsyncGenerator<FramePiece, void, undefined> {
  const source = new ByteSource(input);
  try {
    while (await source.hasMore()) {
      const magic = await source.take(4);
      if (isSkippable(magic)) await source.skip((await source.take(4)).readUInt32LE());
      else if (magic.readUInt32LE() === FRAME_MAGIC) yield* splitFrame(magic, source, maxWindowBytes);
      else throw new Error("no zstd frame where one should begin");
    }
  } finally {
    await source.close();
  }
}

async function* splitFrame(
  magic: Buffer,
  source: ByteSource,
  maxWindowBytes: number,
): AsyncGenerator<FramePiece, void, undefined> {
  const descriptor = await source.take(1);
  const bits = descriptor.readUInt8();
  const fields = await source.take(headerBytes(bits));
  const windowBytes = windowOf(bits, fields);
  if (windowBytes > maxWindowBytes) throw new WindowError(windowBytes);
  yield { bytes: Buffer.concat([magic, descriptor, fields]), isLast: false };
  const hasChecksum = (bits & 0x04) !== 0;
  for (let isLast = false; !isLast; ) {
    const header = await source.take(3);
    const value = header.readUIntLE(0, 3);
    isLast = (value & 1) !== 0;
    const content = await source.take(((value >> 1) & 3) === BLOCK_RLE ? 1 : value >> 3);
    yield { bytes: Buffer.concat([header, content]), isLast: isLast && !hasChecksum };
  }
  if (hasChecksum) yield { bytes: await source.take(4), isLast: true };
}

/** Whether a stream that begins so is zstd. */
export function isZstd(head: Buffer): boolean {
  return head.length >= 4 && (head.readUInt32LE() === FRAME_MAGIC || isSkippable(head));
}

function isSkippable(magic: Buffer): boolean {
  return (magic.readUInt32LE() & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC;
}

/** What follows the descriptor: the window unless the frame is one segment, and the optional fields. */
function headerBytes(descriptor: number): number {
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const contentSize = CONTENT_SIZE_BYTES[(descriptor >> 6) as 0 | 1 | 2 | 3];
  const dictionaryId = DICTIONARY_ID_BYTES[(descriptor & 3) as 0 | 1 | 2 | 3];
  // Without a content size field a single segment still has one of a byte.
  return (isSingleSegment ? 0 : 1) + dictionaryId + (isSingleSegment && contentSize === 0 ? 1 : contentSize);
}

/** How far back a frame refers, which is what a decoder has to keep: all of it where it is one segment. */
function windowOf(descriptor: number, fields: Buffer): number {
  if ((descriptor & 0x20) === 0) {
    const window = fields.readUInt8();
    const base = 2 ** (10 + (window >> 3));
    return base + (base / 8) * (window & 7);
  }
  const size = fields.subarray(DICTIONARY_ID_BYTES[(descriptor & 3) as 0 | 1 | 2 | 3]);
  if (size.length === 8) return Number(size.readBigUInt64LE());
  return size.readUIntLE(0, size.length) + (size.length === 2 ? 256 : 0);
}

/** A stream of chunks to take any number of bytes from. */
class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(input: AsyncIterable<Uint8Array>) {
    this.#chunks = input[Symbol.asyncIterator]();
  }

  async hasMore(): Promise<boolean> {
    while (this.#rest.length === 0) if (!(await this.#fill())) return false;
    return true;
  }

  async take(bytes: number): Promise<Buffer> {
    while (this.#rest.length < bytes) await this.#mustFill();
    const taken = this.#rest.subarray(0, bytes);
    this.#rest = this.#rest.subarray(bytes);
    return taken;
  }

  async skip(bytes: number): Promise<void> {
    for (let left = bytes; left > 0; ) {
      if (this.#rest.length === 0) await this.#mustFill();
      left -= (await this.take(Math.min(left, this.#rest.length))).length;
    }
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #mustFill(): Promise<void> {
    if (!(await this.#fill())) throw new Error("unexpected end of data");
  }

  async #fill(): Promise<boolean> {
    const next = await this.#chunks.next();
    if (next.done === true) return false;
    const chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    return true;
  }
}
