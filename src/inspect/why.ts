import { lstat, realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { type ByteString, fromByteString, toByteString, toText } from "../lib/bytes.ts";
import { FledgeError } from "../lib/errors.ts";
import { hashFile } from "../lib/files/hash-file.ts";
import { stampOf } from "../pipeline/up-to-date.ts";
import { sameContent } from "../rootfs/content.ts";
import type { Inode } from "../rootfs/node.ts";
import type { Origin } from "../rootfs/origin.ts";
import { type BuildOrigins, findBuild, readBuild, readOrigins } from "../store/builds.ts";
import { resolveCacheDir } from "../store/cache-dir.ts";
import type { ImageReader, OpenOptions } from "./reader.ts";

/** Why a path is in an image, or is not any more. */
export type Explanation = {
  readonly path: string;
  /** Who put it there or changed it last; absent where it is not there. */
  readonly origin?: Origin;
  /** What was taken away or replaced at the path, or of a folder above it, the latest first. Bytes of the files in it. */
  readonly gone: readonly {
    readonly path: string;
    readonly bytes: number;
    readonly from?: Origin;
    readonly by?: Origin;
  }[];
  /** Other paths with the same content, hard links left out. */
  readonly copies: readonly string[];
};

const MOST_COPIES = 20;

/**
 * Says who put a path into an image, what it replaced, and where else its content is. What is known comes from the build: of
 * a plugin, which is built in memory, or of an artifact, whose build has left a record in the cache. Throws a `rootfs` error
 * for a path that never was there, and a `usage` error for an image of which no build is known.
 */
export async function explainPath(
  reader: ImageReader,
  path: string,
  options: Pick<OpenOptions, "env" | "cacheDir" | "signal"> = {},
): Promise<Explanation> {
  const origins = await originsOf(reader, options);
  if (origins === undefined) throw unknown(reader.target);
  const plain = toText(
    toByteString(
      path
        .split("/")
        .filter((name) => name !== "" && name !== ".")
        .join("/"),
    ),
  );
  const here = origins.names.get(plain);
  const gone = origins.gone.filter(({ path: at }) => at === plain || plain.startsWith(`${at}/`)).reverse();
  if (here === undefined && gone.length === 0) {
    throw new FledgeError("rootfs", `${path} is not in ${reader.target}, and never was`);
  }
  const at = (place: number | undefined): Origin | undefined =>
    place === undefined ? undefined : origins.table[place];
  const origin = at(here?.origin);
  return {
    path: `/${plain}`,
    ...(origin !== undefined && { origin }),
    gone: gone.map(({ path: lost, bytes, from, by }) => {
      const [before, taker] = [at(from), at(by)];
      return { path: `/${lost}`, bytes, ...(before && { from: before }), ...(taker && { by: taker }) };
    }),
    copies: here === undefined ? [] : await copiesOf(reader, toByteString(plain)),
  };
}

/** Who put what into an image, where that is known: of a plugin, and of an artifact that a build of this cache has made. */
export async function originsOf(
  reader: Pick<ImageReader, "origins" | "target">,
  options: Pick<OpenOptions, "env" | "cacheDir" | "signal"> = {},
): Promise<BuildOrigins | undefined> {
  return reader.origins ?? (await recordOf(reader.target, options));
}

/** The record of the build that has made an artifact: by its place, or by its bytes when it was moved. */
async function recordOf(
  target: string,
  {
    env = process.env,
    cacheDir,
    signal = new AbortController().signal,
  }: Pick<OpenOptions, "env" | "cacheDir" | "signal">,
): Promise<BuildOrigins | undefined> {
  const cache = resolveCacheDir(env, cacheDir);
  const artifact = await realpath(resolve(target)).catch(() => undefined);
  if (artifact === undefined) return undefined;
  const stat = await lstat(artifact);
  const record = await readBuild(cache, artifact);
  if (record !== undefined && record.stamp === (await stampOf(artifact))) return await readOrigins(cache, artifact);
  const found = stat.isFile() ? await findBuild(cache, await hashFile(artifact, signal)) : undefined;
  return found && (await readOrigins(cache, found.artifact));
}

async function copiesOf({ tree }: ImageReader, path: ByteString): Promise<string[]> {
  const own: Inode | undefined = tree.entries.find((entry) => entry.path === path)?.inode.node;
  if (own?.type !== "file" || own.size === 0) return [];
  const copies: string[] = [];
  for (const { path: other, inode, isFirstName } of tree.entries) {
    const { node } = inode;
    if (!isFirstName || node === own || node.type !== "file" || node.size !== own.size) continue;
    if (await sameContent(own, node)) copies.push(`/${toText(other)}`);
    if (copies.length >= MOST_COPIES) break;
  }
  return copies;
}

function unknown(target: string): FledgeError {
  return new FledgeError("usage", `nothing is known of how ${fromByteString(toByteString(target))} was made`, {
    hint: "name a plugin, or an artifact that fledge build has made with this cache",
  });
}
