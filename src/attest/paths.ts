import type { BuildResult } from "../contract/result.ts";
import { aspectsOf, aspectText } from "../inspect/compare.ts";
import { openImage } from "../inspect/open.ts";
import type { ImageReader } from "../inspect/reader.ts";
import { type ByteString, fromByteString, toText } from "../lib/bytes.ts";
import { isFledgeError } from "../lib/errors.ts";
import { lookup } from "../rootfs/lookup.ts";
import type { Inode } from "../rootfs/node.ts";
import type { Origin } from "../rootfs/origin.ts";
import { type BuildOrigins, readOrigins } from "../store/builds.ts";

/** A build, the cache that has its record, and what its working folder was called. */
export type RecordedBuild = { readonly result: BuildResult; readonly cacheDir: string; readonly cwd: string };

/** What is another one in the second of two builds. */
export type BuildDifference = {
  /** A path in the guest, a key of the manifest, or `the artifact`. */
  readonly what: string;
  readonly how: string;
  /** Of a path: who put it there, where that is known. */
  readonly origin?: Origin;
};

/** A path of which the records of two builds do not say the same; without a leading slash. */
export type DifferingPath = { readonly path: ByteString; readonly isFirst: boolean; readonly isSecond: boolean };

/** Says of paths in what they differ, by reading both artifacts where fledge can, and who has put them there. */
export async function differencesAt(
  paths: readonly DifferingPath[],
  first: RecordedBuild,
  second: RecordedBuild,
  signal: AbortSignal,
): Promise<BuildDifference[]> {
  const [one, other] = [await sideOf(first, signal), await sideOf(second, signal)];
  try {
    const found: BuildDifference[] = [];
    for (const at of paths) {
      const origin = originAt(one, other, at.path);
      const what = `/${fromByteString(at.path)}`;
      found.push({ what, how: await howItDiffers(at, one, other), ...(origin !== undefined && { origin }) });
    }
    return found;
  } finally {
    await one.reader?.close();
    await other.reader?.close();
  }
}

type Side = {
  readonly reader: ImageReader | undefined;
  readonly origins: BuildOrigins | undefined;
  readonly cwd: string;
};

async function sideOf({ result, cacheDir, cwd }: RecordedBuild, signal: AbortSignal): Promise<Side> {
  const { path } = result.artifact;
  const origins = await readOrigins(cacheDir, path);
  const reader = await openImage(path, { cacheDir, signal }).catch((error: unknown) => {
    // What only a mount can read, or the imager of the recipe itself.
    if (isFledgeError(error) && error.code !== "aborted") return undefined;
    throw error;
  });
  return { reader, origins, cwd };
}

/** Who came last to a path, in either of the builds: what the other one has is from those before. */
function originAt(one: Side, other: Side, path: ByteString): Origin | undefined {
  const places = [one, other].map(({ origins }) => origins?.names.get(toText(path))?.origin ?? -1);
  const [first = -1, second = -1] = places;
  if (first >= second) return one.origins?.table[first];
  const origin = other.origins?.table[second];
  return origin && renamed(origin, other.cwd, one.cwd);
}

/** The same with a folder by the name that the user knows it by. */
function renamed({ label, file, ...origin }: Origin, from: string, to: string): Origin {
  const name = (text: string): string => text.replaceAll(from, to);
  return { ...origin, label: name(label), ...(file !== undefined && { file: name(file) }) };
}

async function howItDiffers({ path, isFirst, isSecond }: DifferingPath, one: Side, other: Side): Promise<string> {
  if (!isFirst) return "is only in the second build";
  if (!isSecond) return "is only in the first build";
  const [a, b] = [inodeIn(one, path), inodeIn(other, path)];
  if (a === undefined || b === undefined) return "differs";
  const aspects = await aspectsOf(a, b, new Set(one.reader?.lacks), { withTimes: true });
  // What one of many names is of, and the nanoseconds of an archive, only the record knows.
  return aspects.length === 0 ? "differs" : `differs: ${aspects.map(aspectText).join(", ")}`;
}

function inodeIn({ reader }: Side, path: ByteString): Inode | undefined {
  return reader && lookup(reader.root, `/${path}` as ByteString, { followLast: false })?.node;
}
