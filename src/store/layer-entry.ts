import { readFile, rename, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Warning } from "../lib/context.ts";
import { type Digest, hexOf } from "../lib/digest.ts";
import { errnoOf, type FledgeError } from "../lib/errors.ts";
import { hashFile } from "../lib/files/hash-file.ts";
import { bootId, ownerName } from "../lib/process/owner.ts";
import type { Layer } from "../rootfs/layer.ts";
import { decodeIndex } from "../rootfs/layers/layer-index.ts";
import { sumOf } from "../rootfs/sums.ts";
import { cacheError } from "./cache-dir.ts";
import { type Damage, damageError } from "./damage.ts";

// CACHE/layers/sha256/HEX/  one layer, HEX being its diff_id
//   layer.tar     the archive, uncompressed
//   layer.index   its entries and the checksums of their contents (rootfs/layer-index.ts)
//   layer.json    LayerRecord and its checksum; its mtime is when the layer was last used
export const TAR = "layer.tar";
export const INDEX = "layer.index";
export const RECORD = "layer.json";

/** What is known of a layer's files. */
export type LayerRecord = {
  readonly version: 2;
  readonly diffId: Digest;
  readonly tarBytes: number;
  /** A tar changed since then is hashed again before it is used. */
  readonly tarMtimeMs: number;
  /** Of the kernel that ran when the tar was written, without fsync; after another start it is hashed once. */
  readonly boot?: string;
  readonly entries: number;
  /** What reading the archive had to say; said again for every build that uses it. */
  readonly warnings: readonly Warning[];
};

export type FoundLayer =
  | { readonly kind: "absent" }
  | { readonly kind: "damaged"; readonly why: string }
  | { readonly kind: "found"; readonly record: LayerRecord; readonly index: Uint8Array };

/** No kernel's. */
const NO_BOOT = "damaged";

export function layersFolder(cacheDir: string): string {
  return join(cacheDir, "layers/sha256");
}

export function layerFolder(cacheDir: string, diffId: Digest): string {
  return join(layersFolder(cacheDir), hexOf(diffId));
}

/** Looks a layer up and checks what can be checked without reading all of it, unless there is reason to. */
export async function findLayer(folder: string, diffId: Digest, signal: AbortSignal): Promise<FoundLayer> {
  const record = await readRecord(folder, diffId);
  if (record === undefined) return { kind: "absent" };
  if (typeof record === "string") return { kind: "damaged", why: record };
  const tar = await stat(join(folder, TAR)).catch(() => undefined);
  if (tar === undefined || tar.size !== record.tarBytes) return { kind: "damaged", why: "its tar is cut short" };
  const index = await readFile(join(folder, INDEX)).catch(() => undefined);
  if (index === undefined || !isWholeIndex(index, folder)) {
    return { kind: "damaged", why: "its index is damaged or of another version of fledge" };
  }
  const isSettled = record.boot === undefined || record.boot === bootId();
  if (tar.mtimeMs === record.tarMtimeMs && isSettled) return { kind: "found", record, index };
  const actual = await hashFile(join(folder, TAR), signal);
  if (actual !== diffId) return { kind: "damaged", why: `its tar has the digest ${actual}` };
  const { boot: _, ...rest } = record;
  const settled = { ...rest, tarMtimeMs: tar.mtimeMs };
  await writeRecord(folder, settled).catch(() => undefined); // A read-only cache is hashed every time.
  return { kind: "found", record: settled, index };
}

/** A layer that was found; notes that it is used. */
export async function layerOf(
  folder: string,
  found: Extract<FoundLayer, { kind: "found" }>,
  { label, usedSec, renew }: { label: string; usedSec: number; renew: Damage["renew"] },
): Promise<Layer> {
  await utimes(join(folder, RECORD), usedSec, usedSec).catch(() => undefined); // Not ours to write: not ours to prune.
  const forget = (): Promise<void> => writeRecord(folder, { ...found.record, boot: NO_BOOT });
  const damage: Damage = {
    forget,
    renew: async (ctx) => {
      await forget();
      await renew(ctx);
    },
  };
  const damaged = (why: string, cause?: unknown): Error => {
    const hint = `build again, and it is fetched anew; if it comes back, remove ${folder} and look at the disk and the memory of this machine`;
    return damageError(`${label} is damaged in the cache: ${why} (${folder})`, hint, damage, cause);
  };
  const entries = decodeIndex(found.index, { storedFile: join(folder, TAR), damaged });
  return { label, entries: () => entries };
}

export async function writeRecord(folder: string, record: LayerRecord): Promise<void> {
  const temporary = join(folder, `${RECORD}.${ownerName()}`);
  await writeFile(temporary, `${JSON.stringify({ ...record, sum: sumOfRecord(record) })}\n`);
  await rename(temporary, join(folder, RECORD));
}

/** The record of a layer, undefined where there is no layer, or why it cannot be used. */
export async function readRecord(folder: string, diffId: Digest): Promise<LayerRecord | string | undefined> {
  let text: string;
  try {
    text = await readFile(join(folder, RECORD), "utf8");
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw unusable(folder, error);
    return (await stat(folder).catch(() => undefined)) === undefined ? undefined : "it has no record";
  }
  try {
    const { sum, ...record } = JSON.parse(text) as LayerRecord & { sum: number };
    if (record.version !== 2) return "its record is of another version";
    if (sum !== sumOfRecord(record)) return "its record is damaged";
    return record.diffId === diffId ? record : "its record is of another layer";
  } catch {
    return "its record is damaged";
  }
}

function sumOfRecord(record: LayerRecord): number {
  return sumOf(Buffer.from(JSON.stringify(record)));
}

export function unusable(path: string, error: unknown): FledgeError {
  return cacheError(error, "use", path);
}

export function isWholeIndex(index: Uint8Array, storedFile: string): boolean {
  try {
    decodeIndex(index, { storedFile });
    return true;
  } catch {
    return false;
  }
}
