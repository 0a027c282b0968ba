import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { temporarySibling } from "../lib/atomic.ts";
import type { RunContext } from "../lib/context.ts";
import { type Digest, hexOf } from "../lib/digest.ts";
import { digestFile } from "../lib/download.ts";
import { errnoOf, FledgeError, isFledgeError, messageOf } from "../lib/errors.ts";

type StoreContext = Pick<RunContext, "cacheDir" | "log">;

/** Makes a file at the path that it is given, and says what it holds. */
export type Fetch = (path: string) => Promise<{ readonly digest: Digest }>;

/**
 * The path of a blob in the cache, laid out as an OCI image layout: `blobs/sha256/HEX`. What is there is hashed again
 * before it is used, and fetched anew if it was damaged.
 */
export async function cachedBlob(ctx: StoreContext, digest: Digest): Promise<string | undefined> {
  const path = blobPath(ctx, digest);
  if (!(await isFile(path))) return undefined;
  const actual = await digestFile(path).catch((error: unknown) => {
    throw unusable(ctx, "read", error);
  });
  if (actual === digest) return path;
  // It stays until the good one is renamed over it: another process may be just about to do that.
  ctx.log(`the cached ${digest} was damaged; fetching it again`);
  return undefined;
}

/**
 * Puts what `fetch` makes into the cache and returns its path. It becomes visible whole or not at all, whoever else
 * builds at the same time and whenever the process dies. Throws a `store` error when the cache cannot be written.
 */
export async function storeBlob(
  ctx: StoreContext,
  name: string,
  fetch: Fetch,
): Promise<{ path: string; digest: Digest }> {
  const ingest = join(ctx.cacheDir, "ingest");
  let temporary: string | undefined;
  try {
    await mkdir(ingest, { recursive: true });
    temporary = await temporarySibling(join(ingest, name));
    const { digest } = await fetch(temporary);
    const path = blobPath(ctx, digest);
    await mkdir(dirname(path), { recursive: true });
    await rename(temporary, path);
    await syncFolder(dirname(path));
    return { path, digest };
  } catch (error) {
    if (temporary !== undefined) await rm(temporary, { force: true }).catch(() => {}); // what went wrong first is what counts
    throw isFledgeError(error) && error.code !== "io" ? error : unusable(ctx, "write to", error);
  }
}

function blobPath({ cacheDir }: StoreContext, digest: Digest): string {
  return join(cacheDir, "blobs", "sha256", hexOf(digest));
}

async function isFile(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** A rename is on disk once its folder is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function unusable({ cacheDir }: StoreContext, action: "read" | "write to", error: unknown): FledgeError {
  // An io error names the temporary file, of which nobody has heard.
  const cause = isFledgeError(error) && error.cause !== undefined ? error.cause : error;
  const why = REASONS[errnoOf(cause) ?? ""] ?? messageOf(cause);
  return new FledgeError("store", `cannot ${action} the cache ${cacheDir}: ${why}`, {
    cause: error,
    hint: "choose another folder with --cache-dir or FLEDGE_CACHE_DIR",
  });
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EACCES: "permission denied",
  EROFS: "the file system is read-only",
  ENOTDIR: "a part of its path is not a folder",
  EEXIST: "it is not a folder",
};
