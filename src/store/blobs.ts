import { existsSync } from "node:fs";
import { open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { RunContext } from "../lib/context.ts";
import { type Digest, hexOf } from "../lib/digest.ts";
import { errnoOf, FledgeError, messageOf } from "../lib/errors.ts";
import { hashFile } from "../lib/files/hash-file.ts";
import { isLeftover, ownerName } from "../lib/process/owner.ts";
import { cacheError, ensureCacheFolder } from "./cache-dir.ts";
import { takeLease } from "./leases.ts";
import { type LockContext, withLock } from "./lock.ts";

export type StoreContext = LockContext & Pick<RunContext, "disposer">;

/** Writes a blob to the path it is given and says what it wrote; it must not leave the path open. */
export type FetchBlob = (path: string) => Promise<Digest>;

export type Blob = { readonly digest: Digest; readonly path: string };

/** Where a blob lies: `blobs/sha256/HEX` below the cache folder, as in an OCI image layout (image-layout.md). */
export function blobPath(cacheDir: string, digest: Digest): string {
  return join(cacheDir, "blobs", "sha256", hexOf(digest));
}

/**
 * The path of a blob, fetched unless it is there. A stored blob is hashed again on each use, so one that was damaged
 * on disk is noticed and fetched anew; `prune` leaves it until the build has ended. Throws `checksum` when what was fetched is not what was asked for, and `store`
 * when the cache cannot be written to.
 */
export async function ensureBlob(ctx: StoreContext, digest: Digest, fetch: FetchBlob): Promise<Blob> {
  const path = blobPath(ctx.cacheDir, digest);
  await takeLease(ctx.cacheDir, digest, ctx.disposer);
  if (await isIntact(path, digest, ctx)) return { digest, path };
  return await withLock(ctx, `blob ${digest}`, async () => {
    // Someone else may have fetched it while this one waited.
    if (await isIntact(path, digest)) return { digest, path };
    return await ingest(ctx, fetch, digest);
  });
}

/** Whether the store has a blob, by its name; it is hashed when it is used. */
export function hasBlob(cacheDir: string, digest: Digest): boolean {
  return existsSync(blobPath(cacheDir, digest));
}

/** Stores a blob whose digest is not known before it is fetched. */
export async function addBlob(ctx: StoreContext, fetch: FetchBlob): Promise<Blob> {
  return await ingest(ctx, fetch);
}

async function isIntact(path: string, digest: Digest, ctx?: StoreContext): Promise<boolean> {
  try {
    if ((await hashFile(path)) === digest) return true;
    ctx?.log(`${path} is damaged; fetching it again`);
    return false;
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") ctx?.log(`${path} cannot be read (${messageOf(error)}); fetching it again`);
    return false;
  }
}

async function ingest(ctx: StoreContext, fetch: FetchBlob, expected?: Digest): Promise<Blob> {
  const folder = await ensureCacheFolder(ctx.cacheDir, "ingest");
  await ensureCacheFolder(ctx.cacheDir, "blobs", "sha256");
  await removeStale(folder);
  const temporary = join(folder, ownerName());
  try {
    const digest = await fetch(temporary);
    if (expected !== undefined && digest !== expected) {
      throw new FledgeError("checksum", `a blob has ${digest}; expected ${expected}`, {
        hint: "the file is not the one that the checksum was made for",
      });
    }
    const path = blobPath(ctx.cacheDir, digest);
    if (expected === undefined) await takeLease(ctx.cacheDir, digest, ctx.disposer);
    await publish(temporary, path);
    return { digest, path };
  } catch (error) {
    throw errnoOf(error) === undefined ? error : cacheError(error, "write to", ctx.cacheDir);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** After a crash at any moment the blob is either whole or absent: data first, then the name, then the folder. */
async function publish(temporary: string, path: string): Promise<void> {
  await sync(temporary);
  await rename(temporary, path);
  await sync(dirname(path));
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Removes what killed processes left. */
async function removeStale(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (await isLeftover(path, name)) await rm(path, { force: true }).catch(() => {}); // Another user's: theirs to remove.
  }
}
