import { lstat, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { BuildSize } from "../contract/result.ts";
import { type Digest, digestFrom, hexOf, sha256 } from "../lib/digest.ts";
import { errnoOf } from "../lib/errors.ts";
import type { GoneFile, Origin } from "../rootfs/origin.ts";

// CACHE/builds/HEX/   what became of the last build of one artifact, HEX being the sha256 of its path
//   build.json        BuildRecord; written last, so that what is beside it is of the same build
//   names.gz          a line `CHECKSUM NAME` for each name of its tree, the name in JSON
//   origins.gz        BuildOrigins: the table and what is gone in one line of JSON, then a line `ORIGIN BYTES NAME` for each name
//   digests           a line `FILE DIGEST` for each file of the host in it, FILE being what its stat said

/** What is known of the build that made an artifact. */
export type BuildRecord = {
  readonly version: 1;
  /** Absolute path. */
  readonly artifact: string;
  /** Of all that its bytes depend on. */
  readonly key: Digest;
  readonly digest: Digest;
  /** Bytes, holes included. */
  readonly sizeBytes: number;
  /** What `stat` said of the file when it was in place; of a folder a digest of what it said of all in it. */
  readonly stamp: string;
  /** How large it was; absent of builds of an earlier fledge. */
  readonly size?: BuildSize;
  /** What the key was made of beside the tree, for people who ask why it is another one. */
  readonly inputs: Readonly<Record<string, string>>;
};

/** What is kept beside the record, since only some builds ask for it. */
export type BuildDetails = {
  readonly names: ReadonlyMap<string, number>;
  readonly digests: ReadonlyMap<string, string>;
};

/** Who put each name of a tree there, and what is not in it any more. Names are as `toText` has them, without a leading slash. */
export type BuildOrigins = {
  readonly table: readonly Origin[];
  readonly gone: readonly GoneFile[];
  /** By name, a place in the table (undefined where nobody said), and the bytes of a regular file. */
  readonly names: ReadonlyMap<string, NameOrigin>;
};

export type NameOrigin = { readonly origin: number | undefined; readonly bytes: number };

/** What an artifact is made from, as far as its bytes depend on it. */
export type BuildIdentity = Pick<BuildRecord, "key" | "inputs"> & BuildDetails;

/** The record of the build that made an artifact last; undefined when there is none that can be read. */
export async function readBuild(cacheDir: string, artifact: string): Promise<BuildRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(join(folderOf(cacheDir, artifact), "build.json"), "utf8")) as BuildRecord;
    const isWhole = digestFrom(record.key) !== undefined && digestFrom(record.digest) !== undefined;
    return record.version === 1 && record.artifact === artifact && isWhole ? record : undefined;
  } catch {
    return undefined;
  }
}

/** The names of the tree of the last build, each with its checksum. */
export async function readNames(cacheDir: string, artifact: string): Promise<ReadonlyMap<string, number>> {
  const packed = await readFile(join(folderOf(cacheDir, artifact), "names.gz")).catch(() => undefined);
  if (packed === undefined) return new Map();
  const text = await promisify(gunzip)(packed).catch(() => Buffer.of());
  return new Map(linesOf(text.toString("utf8")).map(([sum, name]) => [JSON.parse(name) as string, Number(sum)]));
}

/** The digests of files of the host that the last build knew, by what their stat said. */
export async function readDigests(cacheDir: string, artifact: string): Promise<ReadonlyMap<string, string>> {
  const text = await readFile(join(folderOf(cacheDir, artifact), "digests"), "utf8").catch(() => "");
  return new Map(linesOf(text));
}

/** Who put what into the tree of the last build; undefined when that is not known. */
export async function readOrigins(cacheDir: string, artifact: string): Promise<BuildOrigins | undefined> {
  const packed = await readFile(join(folderOf(cacheDir, artifact), "origins.gz")).catch(() => undefined);
  if (packed === undefined) return undefined;
  try {
    const text = (await promisify(gunzip)(packed)).toString("utf8");
    const end = text.indexOf("\n");
    const names = new Map<string, NameOrigin>();
    for (const [origin, rest] of linesOf(text.slice(end + 1))) {
      const space = rest.indexOf(" ");
      const name = JSON.parse(rest.slice(space + 1)) as string;
      names.set(name, { origin: origin === "-" ? undefined : Number(origin), bytes: Number(rest.slice(0, space)) });
    }
    return { ...(JSON.parse(text.slice(0, end)) as Pick<BuildOrigins, "table" | "gone">), names };
  } catch {
    return undefined; // cut short, or of a version to come
  }
}

/** The record of a build that has made an artifact of these bytes, wherever it lies now. */
export async function findBuild(cacheDir: string, digest: Digest): Promise<BuildRecord | undefined> {
  const folder = join(cacheDir, "builds");
  for (const name of (await readdir(folder).catch(() => [])).sort()) {
    const text = await readFile(join(folder, name, "build.json"), "utf8").catch(() => undefined);
    if (text === undefined || !text.includes(digest)) continue;
    const record = await readBuild(cacheDir, (JSON.parse(text) as BuildRecord).artifact);
    if (record?.digest === digest) return record;
  }
  return undefined;
}

/** Keeps what is known of a build. Throws what Node throws when the cache cannot be written to. */
export async function writeBuild(
  cacheDir: string,
  record: BuildRecord,
  details: BuildDetails & { readonly origins?: BuildOrigins },
): Promise<void> {
  const folder = folderOf(cacheDir, record.artifact);
  await mkdir(folder, { recursive: true });
  await forgetBuild(cacheDir, record.artifact);
  const putPacked = async (name: string, text: string): Promise<void> =>
    put(join(folder, name), await promisify(gzip)(text, { level: 1 }));
  const names = [...details.names].map(([name, sum]) => `${sum} ${JSON.stringify(name)}\n`).join("");
  const { origins } = details;
  // One is packed while the other is put together.
  await Promise.all([
    putPacked("names.gz", names),
    origins === undefined ? undefined : putPacked("origins.gz", originLines(origins)),
  ]);
  await put(join(folder, "digests"), [...details.digests].map(([file, digest]) => `${file} ${digest}\n`).join(""));
  await put(join(folder, "build.json"), `${JSON.stringify(record)}\n`);
}

function originLines({ table, gone, names }: BuildOrigins): string {
  const lines = [...names].map(([name, { origin, bytes }]) => `${origin ?? "-"} ${bytes} ${JSON.stringify(name)}\n`);
  return `${JSON.stringify({ table, gone })}\n${lines.join("")}`;
}

/** From now on nothing is known of how an artifact was made. */
export async function forgetBuild(cacheDir: string, artifact: string): Promise<void> {
  await rm(join(folderOf(cacheDir, artifact), "build.json"), { force: true });
}

/** Removes what is known of artifacts that are gone. */
export async function removeDeadBuilds(cacheDir: string): Promise<void> {
  const folder = join(cacheDir, "builds");
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    const text = await readFile(join(path, "build.json"), "utf8").catch(() => "{}");
    if (!(await isArtifactThere(text))) await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** A disk that cannot be reached at the moment is no reason to forget. */
async function isArtifactThere(record: string): Promise<boolean> {
  try {
    await lstat((JSON.parse(record) as BuildRecord).artifact);
    return true;
  } catch (error) {
    return (
      errnoOf(error) !== undefined && !["ENOENT", "ENOTDIR", "ERR_INVALID_ARG_TYPE"].includes(errnoOf(error) ?? "")
    );
  }
}

function folderOf(cacheDir: string, artifact: string): string {
  return join(cacheDir, "builds", hexOf(sha256(artifact)));
}

/**
 * Without a flush, and by way of one name for all: what a power cut leaves, or two builds that write at once, cannot be
 * read and counts for nothing; what a killed build leaves goes with the next one.
 */
async function put(path: string, data: Uint8Array | string): Promise<void> {
  const temporary = `${path}.new`;
  await writeFile(temporary, data);
  await rename(temporary, path);
}

function linesOf(text: string): [string, string][] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]);
}
