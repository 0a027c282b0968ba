import type { Transform } from "node:stream";
import * as zlib from "node:zlib";
import type { Env } from "./context.ts";
import { FledgeError, isFledgeError, messageOf } from "./errors.ts";
import { pipeThrough } from "./process/exec.ts";
import type { Requirement } from "./process/requirements.ts";
import { requireTool, type Tool } from "./process/tools.ts";
import { type FramePiece, isZstd, splitFrames, WindowError } from "./zstd-frames.ts";

export { WindowError };

export type Compression = "none" | "gzip" | "zstd" | "xz" | "bzip2";

export type DecompressOptions = {
  /** What errors call the stream. */
  readonly label: string;
  /** For PATH, where a program is needed: xz and bzip2 always, zstd before Node 22.15. */
  readonly env: Env;
  readonly signal: AbortSignal;
  /** What a zstd or xz stream may have its decoder keep in memory. Default: 128 MiB, as zstd itself. */
  readonly maxWindowBytes?: number | undefined;
};

const MAX_WINDOW_BYTES = 128 * 2 ** 20;

/** What xz takes besides its dictionary. */
const XZ_OVERHEAD_BYTES = 4 * 2 ** 20;

/** The longest magic. */
const HEAD_BYTES = 6;

/** Node's default of 16 KiB halves the speed. */
const CHUNK_BYTES = 256 * 1024;

const ZSTD: Tool = {
  name: "zstd",
  reason: "unpack what is compressed with zstd",
  package: "zstd",
  instead: "use Node 22.15 or later",
};
const XZ: Tool = { name: "xz", reason: "unpack what is compressed with xz", package: "xz-utils" };
const BZIP2: Tool = { name: "bzip2", reason: "unpack what is compressed with bzip2", package: "bzip2" };

/** The programs that some streams need. */
export function unpackers(): Requirement[] {
  const tools = zstdDecoder() === undefined ? [ZSTD, XZ, BZIP2] : [XZ, BZIP2];
  return tools.map((tool) => ({ kind: "tool", anyOf: [tool] }));
}

/** How a stream that begins so is compressed, by its magic; six bytes suffice. */
export function sniffCompression(head: Uint8Array): Compression {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  if (bytes.subarray(0, 3).equals(Buffer.from("1f8b08", "hex"))) return "gzip";
  if (isZstd(bytes)) return "zstd";
  if (bytes.subarray(0, 6).equals(Buffer.from("fd377a585a00", "hex"))) return "xz";
  return /^BZh[1-9]/.test(bytes.toString("latin1", 0, 4)) ? "bzip2" : "none";
}

/**
 * A stream unpacked, whatever it is packed with. Several gzip members, zstd frames or xz streams in a row are one; zeros
 * may follow the last gzip member. Throws a `source` error for a stream that is cut short or damaged, a `tool` error when
 * the program for its format is missing, a `WindowError` for one that wants too much memory, and what `input` throws as it is.
 */
export async function* decompress(
  input: AsyncIterable<Uint8Array>,
  options: DecompressOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { head, all } = await peek(input);
  const compression = sniffCompression(head);
  const source = guard(all);
  try {
    yield* unpack(source.stream, compression, options);
  } catch (error) {
    if (source.failure() !== undefined) throw source.failure();
    if (isFledgeError(error) && (error.code === "tool" || error.code === "aborted")) throw error;
    if (error instanceof WindowError) throw error;
    if (compression === "xz" && /memory usage limit/i.test(messageOf(error))) throw new WindowError(undefined);
    throw new FledgeError("source", `${options.label}: its ${compression} data is damaged: ${messageOf(error)}`, {
      hint: "fetch it again",
      cause: error,
    });
  }
}

function unpack(
  input: AsyncIterable<Uint8Array>,
  compression: Compression,
  { env, signal, maxWindowBytes = MAX_WINDOW_BYTES }: DecompressOptions,
): AsyncIterable<Uint8Array> {
  const byTool = (tool: Tool, packed: AsyncIterable<Uint8Array>, ...args: string[]): AsyncIterable<Uint8Array> =>
    throughTool(packed, (stream) => pipeThrough(requireTool(tool, env), ["-dc", ...args], stream, { env, signal }));
  switch (compression) {
    case "none":
      return input;
    case "gzip":
      return gunzip(input);
    case "zstd": {
      const createDecoder = zstdDecoder();
      const pieces = splitFrames(input, maxWindowBytes);
      // The windows are looked at here already; without --long=31 the program refuses those above 128 MiB.
      return createDecoder === undefined
        ? byTool(ZSTD, bytesOf(pieces), "--long=31")
        : decodeFrames(pieces, createDecoder);
    }
    case "xz": {
      const limit = Math.min(maxWindowBytes + XZ_OVERHEAD_BYTES, Number.MAX_SAFE_INTEGER);
      return byTool(XZ, input, `--memlimit-decompress=${limit}`);
    }
    case "bzip2":
      return byTool(BZIP2, input);
  }
}

async function* gunzip(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = zlib.createGunzip({ chunkSize: CHUNK_BYTES });
  let end = 0;
  let lastByteAt = -1;
  async function* watched(): AsyncGenerator<Uint8Array> {
    for await (const chunk of input) {
      const last = chunk.findLastIndex((byte) => byte !== 0);
      if (last >= 0) lastByteAt = end + last;
      end += chunk.length;
      yield chunk;
    }
  }
  yield* through(watched(), decoder);
  // Node takes what is no further member for padding and ignores it; only zeros are.
  if (lastByteAt >= decoder.bytesWritten) throw new Error("something follows that is no gzip");
}

/** What the input throws is why the program fails, which knows only that it ended. */
async function* throughTool(
  input: AsyncIterable<Uint8Array>,
  run: (stream: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { stream, failure } = guard(input);
  try {
    yield* run(stream);
  } catch (error) {
    throw failure() ?? error;
  }
}

async function* bytesOf(pieces: AsyncIterable<FramePiece>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { bytes } of pieces) yield bytes;
}

async function* decodeFrames(
  pieces: AsyncGenerator<FramePiece, void, undefined>,
  createDecoder: () => Transform,
): AsyncGenerator<Uint8Array, void, undefined> {
  async function* frame(first: { bytes: Buffer; isLast: boolean }): AsyncGenerator<Buffer> {
    for (let piece = first; ; ) {
      yield piece.bytes;
      if (piece.isLast) return;
      const next = await pieces.next();
      if (next.done === true) throw new Error("unexpected end of data");
      piece = next.value;
    }
  }
  try {
    for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
      yield* through(frame(next.value), createDecoder());
    }
  } finally {
    // Not awaited: when the reader stops early, the source may be waiting for data that never comes.
    pieces.return().catch(() => {});
  }
}

/** Node's own decoder, from 22.15 on; the type declarations are those of Node 20. */
function zstdDecoder(): (() => Transform) | undefined {
  const { createZstdDecompress, constants } = zlib as typeof zlib & {
    createZstdDecompress?: (options: object) => Transform;
  };
  if (createZstdDecompress === undefined) return undefined;
  const windowLogMax = (constants as Record<string, number>).ZSTD_d_windowLogMax ?? 100;
  return () => createZstdDecompress({ chunkSize: CHUNK_BYTES, params: { [windowLogMax]: 31 } });
}

/**
 * What `transform` makes of `input`. Not a pipeline: Node's gunzip stops listening at what follows the last member, where a
 * pipeline would wait for ever or fail, and what it is has to be looked at.
 */
async function* through(
  input: AsyncIterable<Uint8Array>,
  transform: Transform,
): AsyncGenerator<Uint8Array, void, undefined> {
  let wake = (): void => {};
  let isOver = false;
  transform.on("drain", () => wake());
  for (const event of ["end", "close"]) {
    transform.on(event, () => {
      isOver = true;
      wake();
    });
  }
  const feed = async (): Promise<void> => {
    for await (const chunk of input) {
      if (transform.destroyed && !transform.readableEnded) return;
      if (!isOver && !transform.write(chunk) && !isOver) await new Promise<void>((resolve) => (wake = resolve));
    }
    if (!isOver) transform.end();
  };
  const feeding = feed().catch((error: Error) => void transform.destroy(error));
  try {
    // Destroyed at its end, a stream that was not written to its end would report an abort.
    yield* transform.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
    await feeding;
  } finally {
    transform.destroy();
  }
}

async function peek(
  input: AsyncIterable<Uint8Array>,
): Promise<{ head: Buffer; all: AsyncGenerator<Uint8Array, void, undefined> }> {
  const chunks = input[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < HEAD_BYTES) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  async function* all(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield head;
      for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
    } finally {
      await chunks.return?.();
    }
  }
  return { head, all: all() };
}

/** Remembers what the stream itself threw, so that it is not taken for damage of the data. */
function guard(input: AsyncIterable<Uint8Array>): { stream: AsyncIterable<Uint8Array>; failure: () => unknown } {
  let failure: unknown;
  async function* stream(): AsyncGenerator<Uint8Array> {
    try {
      yield* input;
    } catch (error) {
      failure = error;
      throw error;
    }
  }
  return { stream: stream(), failure: () => failure };
}
