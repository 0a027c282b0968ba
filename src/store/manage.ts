import { mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { nowMs } from "../lib/clock.ts";
import { type Digest, digestFromHex, hexOf } from "../lib/digest.ts";
import { errnoOf } from "../lib/errors.ts";
import { hashFile } from "../lib/files/hash-file.ts";
import { ownerName } from "../lib/process/owner.ts";
import { removeDeadBuilds } from "./builds.ts";
import { INDEX, isWholeIndex, layersFolder, RECORD, readRecord, TAR, unusable } from "./layer-entry.ts";
import { isLeased } from "./leases.ts";
import { removeDeadLocks } from "./lock.ts";
import { removeNotes } from "./notes.ts";
import { removeAbandoned } from "./staging.ts";

/** One thing in the cache: a layer, unpacked, or a blob as it was downloaded. */
export type CacheItem = {
  readonly kind: "layer" | "blob";
  /** Of a layer its diff_id. */
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly lastUsedMs: number;
  readonly path: string;
};

export type PruneOptions = {
  /** Removes what was not used for so long. Milliseconds. */
  readonly olderThanMs?: number | undefined;
  /** Then removes what was not used for longest until this much is left. Bytes. */
  readonly maxSizeBytes?: number | undefined;
};

export type PruneResult = {
  readonly removed: readonly CacheItem[];
  /** Leftovers of killed builds included. */
  readonly freedBytes: number;
  /** Kept although they were due, since a running build reads them. */
  readonly inUse: readonly CacheItem[];
};

export type VerifyResult = {
  readonly checked: number;
  readonly damaged: readonly { readonly item: CacheItem; readonly why: string }[];
};

/** What the cache holds, what was used last first. */
export async function listCache(cacheDir: string): Promise<CacheItem[]> {
  const items = [...(await listLayers(cacheDir)), ...(await listBlobs(cacheDir))];
  return items.sort((a, b) => b.lastUsedMs - a.lastUsedMs || (a.digest < b.digest ? -1 : 1));
}

/**
 * Removes what is due; without options all of it. What a running build reads is kept, and each removal is atomic,
 * so that it may run beside builds. Throws a `store` error when something cannot be removed.
 */
export async function pruneCache(cacheDir: string, options: PruneOptions = {}): Promise<PruneResult> {
  const leftovers = await removeAbandoned(cacheDir);
  await removeDeadLocks(cacheDir);
  const items = await listCache(cacheDir);
  const removed: CacheItem[] = [];
  const inUse: CacheItem[] = [];
  for (const item of dueItems(items, options)) {
    if (await remove(cacheDir, item)) removed.push(item);
    else inUse.push(item);
  }
  await removeDeadMaps(cacheDir);
  await removeDeadBuilds(cacheDir);
  await removeNotes(cacheDir, options.olderThanMs);
  return { removed, inUse, freedBytes: leftovers + removed.reduce((sum, item) => sum + item.sizeBytes, 0) };
}

/** Hashes everything in the cache, whatever its size and times say. Changes nothing: a build replaces what is damaged. */
export async function verifyCache(
  cacheDir: string,
  signal: AbortSignal,
  onProgress?: (doneBytes: number, totalBytes: number) => void,
): Promise<VerifyResult> {
  const items = await listCache(cacheDir);
  const total = items.reduce((sum, item) => sum + item.sizeBytes, 0);
  const damaged: { item: CacheItem; why: string }[] = [];
  let done = 0;
  for (const item of items) {
    const why = await findDamage(item, signal);
    if (why !== undefined) damaged.push({ item, why });
    done += item.sizeBytes;
    onProgress?.(done, total);
  }
  return { checked: items.length, damaged };
}

function dueItems(items: readonly CacheItem[], { olderThanMs, maxSizeBytes }: PruneOptions): CacheItem[] {
  if (olderThanMs === undefined && maxSizeBytes === undefined) return [...items];
  const limitMs = nowMs() - (olderThanMs ?? Number.POSITIVE_INFINITY);
  const due = items.filter((item) => item.lastUsedMs <= limitMs);
  if (maxSizeBytes === undefined) return due;
  const rest = items.filter((item) => item.lastUsedMs > limitMs);
  let size = rest.reduce((sum, item) => sum + item.sizeBytes, 0);
  // From the end: the items are sorted by use, the last used first.
  for (let item = rest.pop(); item !== undefined && size > maxSizeBytes; item = rest.pop()) {
    size -= item.sizeBytes;
    due.push(item);
  }
  return due;
}

/** False for what is in use. A build that comes in between finds it whole, or not at all and fetches it. */
async function remove(cacheDir: string, item: CacheItem): Promise<boolean> {
  if (await isLeased(cacheDir, item.digest)) return false;
  const trash = join(cacheDir, "staging", ownerName());
  const aside = join(trash, hexOf(item.digest));
  try {
    await mkdir(trash, { recursive: true });
    await rename(item.path, aside);
    if (await isLeased(cacheDir, item.digest)) {
      // Somebody found it in the last moment. If they have fetched it anew by now, theirs is as good.
      const isBack = await rename(aside, item.path).then(
        () => true,
        () => false,
      );
      if (isBack) return false;
    }
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return true; // Somebody else prunes too.
    throw unusable(item.path, error);
  } finally {
    await rm(trash, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** A map to a layer that is gone does no harm, but nobody else would ever remove it. */
async function removeDeadMaps(cacheDir: string): Promise<void> {
  if ((await readdir(layersFolder(cacheDir)).catch(() => [])).length > 0) return;
  await rm(join(cacheDir, "layers/by-blob"), { recursive: true, force: true });
}

async function listLayers(cacheDir: string): Promise<CacheItem[]> {
  const items: CacheItem[] = [];
  for (const name of await readdir(layersFolder(cacheDir)).catch(() => [])) {
    const digest = digestFromHex(name);
    if (digest === undefined) continue;
    const path = join(layersFolder(cacheDir), name);
    const files = await Promise.all([TAR, INDEX, RECORD].map((file) => stat(join(path, file)).catch(() => undefined)));
    const sizeBytes = files.reduce((sum, file) => sum + (file?.size ?? 0), 0);
    items.push({ kind: "layer", digest, sizeBytes, lastUsedMs: files[2]?.mtimeMs ?? 0, path });
  }
  return items;
}

async function listBlobs(cacheDir: string): Promise<CacheItem[]> {
  const folder = join(cacheDir, "blobs/sha256");
  const items: CacheItem[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const digest = digestFromHex(name);
    if (digest === undefined) continue;
    const path = join(folder, name);
    const file = await stat(path).catch(() => undefined);
    if (file === undefined) continue;
    const lastUsedMs = Math.max(file.mtimeMs, file.atimeMs);
    items.push({ kind: "blob", digest, sizeBytes: file.size, lastUsedMs, path });
  }
  return items;
}

async function findDamage(item: CacheItem, signal: AbortSignal): Promise<string | undefined> {
  try {
    if (item.kind === "layer") {
      const record = await readRecord(item.path, item.digest);
      if (record === undefined || typeof record === "string") return record ?? "it is gone";
      if (!isWholeIndex(await readFile(join(item.path, INDEX)), item.path)) return "its index is damaged";
    }
    const actual = await hashFile(item.kind === "layer" ? join(item.path, TAR) : item.path, signal);
    return actual === item.digest ? undefined : `it has the digest ${actual}`;
  } catch (error) {
    if (signal.aborted) throw error;
    return `it cannot be read (${errnoOf(error) ?? "unknown"})`;
  }
}
