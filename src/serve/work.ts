import { lstat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { BuildResult } from "../contract/result.ts";
import { type Env, throwIfAborted } from "../lib/context.ts";
import { digestFrom } from "../lib/digest.ts";
import { FledgeError } from "../lib/errors.ts";
import { hashFile } from "../lib/files/hash-file.ts";
import { ioError, renamedIn } from "../lib/files/io-error.ts";
import { type BundleInfo, type BundleLimits, unpackBundle } from "./bundle/index.ts";
import { childEnv, runChild } from "./child.ts";
import type { BuildOutputs, OutputFile, QueueEvent, Task } from "./queue/index.ts";

/** Where a bundle is, and where its artifact goes, in all that a build says: others know no path of this machine. */
export const PROJECT_PLACE = "/build/project";
export const OUT_PLACE = "/build/out";

export type WorkOptions = {
  /** See `ChildOptions`. */
  readonly program: readonly [string, ...string[]];
  readonly env: Env;
  /** Variables that builds see beside those that all do. */
  readonly envNames: readonly string[];
  readonly cacheDir: string;
  readonly limits: BundleLimits;
  readonly declarative?: readonly string[] | undefined;
};

/** What of a task a build needs. */
export type Work = Pick<Task, "id" | "signal" | "onEvent"> & {
  readonly record: Pick<Task["record"], "request" | "source">;
  readonly places: Pick<Task["places"], "bundle" | "work" | "out">;
};

/** Does the builds of a queue: unpacks the bundle, and builds in a process of its own. */
export function buildWork(options: WorkOptions): (task: Work) => Promise<BuildOutputs> {
  return async (task) => {
    const names = namesFor(task);
    try {
      return await build(task, options, names);
    } catch (error) {
      throw names.reduce((renamed, [from, to]) => renamedIn(renamed, from, to), error);
    }
  };
}

async function build(task: Work, options: WorkOptions, names: readonly Rename[]): Promise<BuildOutputs> {
  const { id, record, places, signal } = task;
  const { request, source } = record;
  const folder = source.kind === "folder" ? source.path : join(places.work, "project");
  let info: BundleInfo | undefined;
  if (source.kind === "bundle") {
    info = await unpackBundle(places.bundle, folder, { limits: options.limits, signal });
    throwIfAborted(signal);
  }
  const config = request.config ?? info?.config;
  const job = {
    ...{ folder, config, manifest: info?.manifest, request, outDir: places.out },
    ...{ cacheDir: options.cacheDir, declarative: options.declarative },
  };
  const result = await runChild(job, {
    ...{ id, program: options.program, signal },
    env: childEnv(options.env, options.envNames, request),
    onEvent: (event) => task.onEvent(renamed(event, names)),
  });
  return await outputsIn(places.out, result);
}

type Rename = readonly [from: string, to: string];

function namesFor({ places }: Work): Rename[] {
  return [
    [join(places.work, "project"), PROJECT_PLACE],
    [places.out, OUT_PLACE],
  ];
}

function renamed<T extends QueueEvent>(event: T, names: readonly Rename[]): T {
  const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);
  const text = JSON.stringify(event);
  const changed = names.reduce((all, [from, to]) => all.replaceAll(inJson(from), inJson(to)), text);
  return changed === text ? event : (JSON.parse(changed) as T);
}

/** What a build says that it has made, as far as it is there: its code may say anything. */
async function outputsIn(folder: string, { artifact, manifest }: BuildResult): Promise<BuildOutputs> {
  const digest = digestFrom(artifact.digest);
  if (digest === undefined) throw strange(artifact.path);
  const made: OutputFile = { ...(await fileIn(folder, artifact.path)), digest };
  if (manifest === undefined) return { artifact: made };
  const file = await fileIn(folder, manifest.path);
  return { artifact: made, manifest: { ...file, digest: await hashFile(join(folder, file.name)) } };
}

async function fileIn(folder: string, path: string): Promise<Omit<OutputFile, "digest">> {
  if (dirname(path) !== folder) throw strange(path);
  const stat = await lstat(path).catch((error: unknown) => {
    throw ioError(error, "read", path);
  });
  if (!stat.isFile()) throw strange(path);
  return { name: basename(path), sizeBytes: stat.size };
}

function strange(path: string): FledgeError {
  return new FledgeError("internal", `the build says that it has made ${path}, which is no file in its folder`, {
    hint: 'an artifact that is a folder cannot be sent; filesystem.type "tar" makes one file of it',
  });
}
