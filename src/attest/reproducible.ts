import { type FileHandle, open } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import type { BuildResult } from "../contract/result.ts";
import type { ByteString } from "../lib/bytes.ts";
import { readNames } from "../store/builds.ts";
import { type BuildDifference, differencesAt, type RecordedBuild } from "./paths.ts";

/** What two builds of one recipe do not agree on; nothing when both made the same bytes. */
export async function differencesOf(
  first: RecordedBuild,
  second: RecordedBuild,
  signal: AbortSignal,
): Promise<BuildDifference[]> {
  const ofManifest = manifestDifferences(first.result, second.result);
  if (first.result.artifact.digest === second.result.artifact.digest) return ofManifest;
  return [...(await artifactDifferences(first, second, signal)), ...ofManifest];
}

async function artifactDifferences(
  first: RecordedBuild,
  second: RecordedBuild,
  signal: AbortSignal,
): Promise<BuildDifference[]> {
  const [a, b] = [await namesOf(first), await namesOf(second)];
  const names = [...new Set([...a.keys(), ...b.keys()])].filter((name) => a.get(name) !== b.get(name));
  const isKnown = a.size > 0 && b.size > 0;
  if (isKnown && names.length > 0) {
    const paths = names.map((path) => ({ path: path as ByteString, isFirst: a.has(path), isSecond: b.has(path) }));
    return await differencesAt(paths, first, second, signal);
  }
  const at = await firstDifference(first.result.artifact.path, second.result.artifact.path).catch(() => undefined);
  const where = at === undefined ? "" : `, from byte ${at} on`;
  const why = isKnown ? "the tree is the same, but not what was written of it" : "its bytes differ";
  return [{ what: "the artifact", how: `${why}${where}` }];
}

async function namesOf({ result, cacheDir }: RecordedBuild): Promise<ReadonlyMap<string, number>> {
  return await readNames(cacheDir, result.artifact.path);
}

/** Where each is, is another place; what follows from the artifact's bytes is told of those. */
function manifestDifferences(first: BuildResult, second: BuildResult): BuildDifference[] {
  const [a, b] = [first, second].map(({ manifest }) => {
    const { rootfs: _rootfs, initramfs: _initramfs, ...rest } = manifest?.document ?? {};
    return rest as Readonly<Record<string, unknown>>;
  });
  const keys = new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})]);
  return [...keys]
    .filter((key) => !isDeepStrictEqual(a?.[key], b?.[key]))
    .map((key) => ({
      what: `"${key}" of the manifest`,
      how: `${JSON.stringify(a?.[key])}, then ${JSON.stringify(b?.[key])}`,
    }));
}

const PIECE_BYTES = 1024 * 1024;

/** Where two files begin to differ; undefined when they do not. */
async function firstDifference(first: string, second: string): Promise<number | undefined> {
  const a = await open(first);
  try {
    const b = await open(second);
    try {
      return await differenceIn(a, b);
    } finally {
      await b.close();
    }
  } finally {
    await a.close();
  }
}

async function differenceIn(a: FileHandle, b: FileHandle): Promise<number | undefined> {
  const [left, right] = [Buffer.alloc(PIECE_BYTES), Buffer.alloc(PIECE_BYTES)];
  for (let position = 0; ; position += PIECE_BYTES) {
    const [x, y] = await Promise.all([pieceAt(a, left, position), pieceAt(b, right, position)]);
    const at = x.findIndex((byte, index) => byte !== y[index]);
    if (at >= 0) return position + at;
    if (x.length !== y.length) return position + x.length;
    if (x.length < PIECE_BYTES) return undefined;
  }
}

async function pieceAt(file: FileHandle, buffer: Buffer, position: number): Promise<Buffer> {
  const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
  return buffer.subarray(0, bytesRead);
}
