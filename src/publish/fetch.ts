import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { type RunContext, throwIfAborted } from "../lib/context.ts";
import { decompress } from "../lib/decompress.ts";
import { type Digest, digestOf } from "../lib/digest.ts";
import { FledgeError } from "../lib/errors.ts";
import { fileBytes } from "../lib/files/file-bytes.ts";
import { writeSparseFile } from "../lib/files/sparse.ts";
import type { Descriptor } from "../registry/manifest.ts";
import type { ImageStorage } from "../registry/storage.ts";
import { ensureBlob } from "../store/blobs.ts";

/** Layers that are fetched ahead of the one that is unpacked. */
const AHEAD = 4;

/** A blob in the cache: fetched unless it is there, and checked either way. */
export async function fetchBlob(
  storage: ImageStorage,
  { digest, ...rest }: Descriptor,
  ctx: RunContext,
): Promise<string> {
  const { path } = await ensureBlob(ctx, digest, async (to) => {
    const hash = createHash("sha256");
    const file = await open(to, "wx");
    try {
      for await (const chunk of storage.blob({ digest, ...rest }, 0)) {
        hash.update(chunk);
        await file.writeFile(chunk);
      }
    } finally {
      await file.close();
    }
    return digestOf(hash);
  });
  return path;
}

/** A file in parts that are blobs, each a gzip of its own where `isPacked`. */
export type FileInParts = {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly parts: readonly Descriptor[];
  readonly isPacked: boolean;
};

/** Writes a file that is in parts, with its holes; every part is checked, and the whole. Throws a `checksum` error. */
export async function fetchFile(
  to: string,
  storage: ImageStorage,
  { digest, sizeBytes, parts, isPacked }: FileInParts,
  ctx: RunContext,
): Promise<void> {
  async function* whole(): AsyncGenerator<Uint8Array, void, undefined> {
    let at = 0;
    for await (const path of inOrder(parts, (part) => fetchBlob(storage, part, ctx))) {
      for await (const bytes of contentOf(path, isPacked, storage.label, ctx)) {
        throwIfAborted(ctx.signal);
        at += bytes.length;
        if (at > sizeBytes) throw wrongArtifact(storage.label);
        yield bytes;
        ctx.progress(at, sizeBytes);
      }
    }
  }
  const written = await writeSparseFile(to, whole());
  if (written.sizeBytes !== sizeBytes || written.digest !== digest) throw wrongArtifact(storage.label);
}

function contentOf(path: string, isPacked: boolean, label: string, ctx: RunContext): AsyncIterable<Uint8Array> {
  const bytes = fileBytes(path, ctx.signal);
  return isPacked ? decompress(bytes, { label, env: ctx.env, signal: ctx.signal }) : bytes;
}

function wrongArtifact(label: string): FledgeError {
  return new FledgeError("checksum", `the parts of ${label} do not make the artifact that it says`, {
    hint: "nothing of it is kept; push it again",
  });
}

/** What `start` gives of each item, in their order, some being under way ahead of the one that is waited for. */
async function* inOrder<T, R>(items: readonly T[], start: (item: T) => Promise<R>): AsyncGenerator<R, void, undefined> {
  const running: Promise<R>[] = [];
  try {
    for (let next = 0; next < items.length || running.length > 0; ) {
      while (running.length < AHEAD && next < items.length) {
        const promise = start(items[next++] as T);
        promise.catch(() => {}); // thrown when it is its turn
        running.push(promise);
      }
      yield await (running.shift() as Promise<R>);
    }
  } finally {
    await Promise.allSettled(running);
  }
}
