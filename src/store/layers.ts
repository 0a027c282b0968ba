import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { nowMs } from "../lib/clock.ts";
import { type RunContext, throwIfAborted } from "../lib/context.ts";
import { type Digest, digestFrom, hexOf } from "../lib/digest.ts";
import { isFledgeError } from "../lib/errors.ts";
import type { Layer } from "../rootfs/layer.ts";
import type { LayerLimits } from "../rootfs/limits.ts";
import { findLayer, layerFolder, layerOf, unusable } from "./layer-entry.ts";
import { publishLayer, retireLayer, writeLayer } from "./layer-write.ts";
import { takeLease } from "./leases.ts";
import { withLock } from "./lock.ts";
import { openStaging, removeAbandoned } from "./staging.ts";

/** A layer that is wanted: what names it, and how to get it when the store does not have it. */
export type WantedLayer = {
  /** What errors call it: `layer sha256:... of nginx:alpine`. */
  readonly label: string;
  /** Of the archive as it is fetched, compressed or not. Its digest leads to the diff_id when that is not known. */
  readonly blob?: { readonly digest: Digest; readonly size?: number };
  /** Of the archive uncompressed. */
  readonly diffId?: Digest;
  readonly limits?: Partial<LayerLimits> | undefined;
  /** As `Layer` has it. */
  readonly hasWhiteouts?: boolean | undefined;
  /** The archive from its first byte. `attempt` counts from 0: after wrong bytes the next place is asked. */
  open(attempt: number): AsyncIterable<Uint8Array>;
  /** How many places there are; 1 when left out. */
  readonly attempts?: number;
};

/** A layer of the store. */
export type StoredLayer = Layer & { readonly diffId: Digest; readonly fromCache: boolean };

/**
 * A layer out of the store, fetched and unpacked first when it is not there or damaged. Of several builds that want the
 * same layer one fetches it. Throws a `checksum` error for wrong bytes, after which nothing of them is kept, a `source`
 * error for an archive that cannot be read, a `store` error when the cache cannot be written, and what `open` throws.
 */
export async function openLayer(wanted: WantedLayer, ctx: RunContext): Promise<StoredLayer> {
  return { ...(await open(wanted, ctx)), hasWhiteouts: wanted.hasWhiteouts };
}

async function open(wanted: WantedLayer, ctx: RunContext): Promise<StoredLayer> {
  const known = await lookUp(wanted, ctx);
  if (known !== undefined) return known;
  const key = wanted.diffId ?? wanted.blob?.digest;
  if (key === undefined) return fetchLayer(wanted, ctx);
  return withLock(ctx, `layer ${key}`, async () => {
    // While this build waited for the lock, its holder may have fetched the layer.
    return (await lookUp(wanted, ctx)) ?? fetchLayer(wanted, ctx);
  });
}

async function lookUp(wanted: WantedLayer, ctx: RunContext): Promise<StoredLayer | undefined> {
  const diffId = wanted.diffId ?? (wanted.blob && (await readBlobMap(ctx.cacheDir, wanted.blob.digest)));
  return diffId && openKnown(diffId, wanted, ctx);
}

/** Whether the store has a layer, by its name; it is looked at when it is opened. */
export async function hasLayer(
  { diffId, blob }: Pick<WantedLayer, "diffId" | "blob">,
  { cacheDir }: Pick<RunContext, "cacheDir">,
): Promise<boolean> {
  const known = diffId ?? (blob && (await readBlobMap(cacheDir, blob.digest)));
  return known !== undefined && existsSync(layerFolder(cacheDir, known));
}

async function openKnown(diffId: Digest, wanted: WantedLayer, ctx: RunContext): Promise<StoredLayer | undefined> {
  const { cacheDir } = ctx;
  const { label } = wanted;
  const folder = layerFolder(cacheDir, diffId);
  await takeLease(cacheDir, diffId, ctx.disposer);
  const found = await findLayer(folder, diffId, ctx.signal);
  switch (found.kind) {
    case "absent":
      return undefined;
    case "damaged":
      ctx.warn({ message: `${label} is damaged in the cache: ${found.why}; it is fetched again` });
      return undefined;
    case "found":
      for (const warning of found.record.warnings) ctx.warn(warning);
      return { ...(await layerOf(folder, found, usesOf(diffId, wanted))), diffId, fromCache: true };
  }
}

/** What `layerOf` is to know of this use of a layer. To renew it is to open it again under the digest that it has. */
function usesOf(diffId: Digest, wanted: WantedLayer): Parameters<typeof layerOf>[2] {
  const renew = async (ctx: RunContext): Promise<void> => void (await open({ ...wanted, diffId }, ctx));
  return { label: wanted.label, usedSec: nowMs() / 1000, renew };
}

async function fetchLayer(wanted: WantedLayer, ctx: RunContext): Promise<StoredLayer> {
  const attempts = wanted.attempts ?? 1;
  for (let attempt = 0; ; attempt++) {
    try {
      return await fetchOnce(wanted, attempt, ctx);
    } catch (error) {
      const isWrongBytes = isFledgeError(error) && (error.code === "checksum" || error.code === "source");
      if (!isWrongBytes || attempt + 1 >= attempts) throw error;
      ctx.warn({ message: `${error.message}; the next registry is asked` });
    }
  }
}

async function fetchOnce(wanted: WantedLayer, attempt: number, ctx: RunContext): Promise<StoredLayer> {
  const { cacheDir, disposer } = ctx;
  const { label, blob, diffId: expected, limits } = wanted;
  await removeAbandoned(cacheDir);
  const staging = await openStaging(cacheDir, disposer).catch((error: unknown) => {
    throw unusable(cacheDir, error);
  });
  try {
    const written = join(staging.path, "layer");
    await mkdir(written);
    const stream = wanted.open(attempt);
    const record = await writeLayer(
      written,
      { label, stream, limits, ...(blob && { blob }), ...(expected && { diffId: expected }) },
      ctx,
    );
    throwIfAborted(ctx.signal);
    const layer = await place({ written, retired: join(staging.path, "old") }, record.diffId, wanted, ctx);
    if (blob !== undefined) await writeBlobMap(cacheDir, blob.digest, record.diffId, join(staging.path, "map"));
    return { ...layer, fromCache: false };
  } finally {
    await staging.discard();
  }
}

/** Publishes a written layer, over a damaged one if need be; what another build published meanwhile is as good. */
async function place(
  { written, retired }: { readonly written: string; readonly retired: string },
  diffId: Digest,
  wanted: WantedLayer,
  ctx: RunContext,
): Promise<StoredLayer> {
  const folder = layerFolder(ctx.cacheDir, diffId);
  await mkdir(dirname(folder), { recursive: true });
  await takeLease(ctx.cacheDir, diffId, ctx.disposer);
  for (;;) {
    await publishLayer(written, folder);
    const found = await findLayer(folder, diffId, ctx.signal);
    if (found.kind === "found") {
      for (const warning of found.record.warnings) ctx.warn(warning);
      return { ...(await layerOf(folder, found, usesOf(diffId, wanted))), diffId, fromCache: false };
    }
    await retireLayer(folder, retired);
  }
}

/** Which layer a blob unpacks to, for archives whose diff_id nobody tells beforehand. */
async function readBlobMap(cacheDir: string, blob: Digest): Promise<Digest | undefined> {
  const text = await readFile(blobMapFile(cacheDir, blob), "utf8").catch(() => "");
  return digestFrom(text.trimEnd());
}

async function writeBlobMap(cacheDir: string, blob: Digest, diffId: Digest, temporary: string): Promise<void> {
  const path = blobMapFile(cacheDir, blob);
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, `${diffId}\n`);
    await rename(temporary, path);
  } catch (error) {
    throw unusable(path, error);
  }
}

function blobMapFile(cacheDir: string, blob: Digest): string {
  return join(cacheDir, "layers/by-blob", hexOf(blob));
}
