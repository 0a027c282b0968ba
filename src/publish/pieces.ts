import type { FileHandle } from "node:fs/promises";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { RunContext } from "../lib/context.ts";
import { type Digest, digestFrom, sha256 } from "../lib/digest.ts";
import { FledgeError } from "../lib/errors.ts";
import { inParallel } from "../lib/jobs.ts";
import type { UploadContent, Uploads } from "../registry/upload.ts";
import { readNote, writeNote } from "../store/notes.ts";
import { CHUNK_BYTES } from "./format.ts";
import { inMemory, type Progress } from "./progress.ts";

/** Compressed at once, each with a thread of Node's pool; as many are in memory. */
const PARALLEL_CHUNKS = 4;

/** A file as it is sent: what it is as a whole. */
export type WholeFile = { readonly file: FileHandle; readonly digest: Digest; readonly sizeBytes: number };

/** A piece of a file, packed. */
export type Piece = { readonly digest: Digest; readonly size: number };

/**
 * Pushes a file in pieces, each a gzip member. What the pieces of a file were is noted, so that one that is there already,
 * whole or in part, is compressed no more than it has to be.
 */
export async function pushPieces(
  { file, digest, sizeBytes }: WholeFile,
  uploads: Uploads,
  progress: Progress,
  ctx: Pick<RunContext, "cacheDir">,
): Promise<readonly Piece[]> {
  const count = Math.max(1, Math.ceil(sizeBytes / CHUNK_BYTES));
  const of = `${digest} ${CHUNK_BYTES} ${process.versions.zlib}`;
  const known = piecesFrom(await readNote(ctx.cacheDir, "disk-pieces", of), count);
  const pieces = await inParallel([...new Array(count).keys()], PARALLEL_CHUNKS, async (index): Promise<Piece> => {
    const at = index * CHUNK_BYTES;
    const length = Math.min(CHUNK_BYTES, sizeBytes - at);
    const pack = async (): Promise<Buffer> => packed(await readAt(file, at, length));
    const piece = known?.[index];
    const content = piece === undefined ? inMemory(await pack()) : asNoted(piece, pack);
    await progress.put(uploads, content, length);
    return { digest: content.digest, size: content.size };
  });
  if (known === undefined) await writeNote(ctx.cacheDir, "disk-pieces", of, pieces);
  return pieces;
}

/** The fastest level: what follows is the network, or a disk that is mostly what does not pack. */
async function packed(raw: Buffer): Promise<Buffer> {
  return await promisify(gzip)(raw, { level: 1 });
}

/** Compressed when it is asked for, which is when the registry has it not. */
function asNoted({ digest, size }: Piece, pack: () => Promise<Buffer>): UploadContent {
  let packing: Promise<Buffer> | undefined;
  const packAgain = async (): Promise<Buffer> => {
    const bytes = await pack();
    if (sha256(bytes) === digest) return bytes;
    throw new FledgeError("checksum", "a piece of the disk is not what it was when it was last pushed", {
      hint: "the artifact was changed after it was built: build it again with --force",
    });
  };
  const read = async (at: number, length: number): Promise<Uint8Array> => {
    packing ??= packAgain();
    return (await packing).subarray(at, at + length);
  };
  return { digest, size, read };
}

function piecesFrom(note: unknown, count: number): readonly Piece[] | undefined {
  if (!Array.isArray(note) || note.length !== count) return undefined;
  const isWhole = note.every(
    (piece: Partial<Piece> | null) =>
      digestFrom(piece?.digest ?? "") !== undefined && Number.isSafeInteger(piece?.size),
  );
  return isWhole ? (note as readonly Piece[]) : undefined;
}

/** So many bytes of a file. Throws an `io` error when there are fewer. */
export async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(buffer, done, length - done, position + done);
    if (bytesRead === 0)
      throw new FledgeError("io", "the artifact changed while it was pushed", { hint: "push it again" });
    done += bytesRead;
  }
  return buffer;
}
