import { symlink } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { BuildResult } from "../contract/result.ts";
import { type Env, throwIfAborted } from "../lib/context.ts";
import type { Disposer } from "../lib/dispose.ts";
import { type ErrorData, FledgeError } from "../lib/errors.ts";
import { follow } from "../lib/process/exec.ts";
import type { BuildEvent, EventSink } from "../pipeline/events.ts";
import { openStaging, removeAbandoned } from "../store/staging.ts";
import { elsewhereEnv } from "./elsewhere.ts";

/** How a recipe is built a second time. */
export type RebuildOptions = {
  /**
   * The program that builds, and its arguments for a working folder and a folder for what it makes; it calls
   * `liveElsewhere` and prints the events of the builds, one a line.
   */
  readonly command: (places: { readonly cwd: string; readonly outDir: string }) => readonly [string, ...string[]];
  /** The working folder; it gets another name. */
  readonly cwd: string;
  /** The cache of the first build. What is made is kept below it until `disposer` is done, as the second one's cache is. */
  readonly cacheDir: string;
  /** The second build has no cache of its own then. */
  readonly isOffline: boolean;
  readonly env: Env;
  readonly signal: AbortSignal;
  readonly disposer: Disposer;
  readonly onEvent: EventSink;
};

/** What a second build made, in the order of the plugins, the cache that it had, and the name of its working folder. */
export type Rebuilt = { readonly results: readonly BuildResult[]; readonly cacheDir: string; readonly cwd: string };

/**
 * Builds again, with an empty cache, in a process of its own that lives elsewhere. Throws a `verify` error when it cannot be built there.
 */
export async function rebuildElsewhere(options: RebuildOptions): Promise<Rebuilt> {
  const { command, env, signal, disposer, onEvent } = options;
  await removeAbandoned(options.cacheDir);
  const { path } = await openStaging(options.cacheDir, disposer);
  const places = { cwd: join(path, "project"), outDir: join(path, "out") };
  await symlink(options.cwd, places.cwd);
  const home = join(path, "home");
  await symlink(env.HOME || homedir(), home);
  const cacheDir = options.isOffline ? options.cacheDir : join(path, "cache");

  const results: BuildResult[] = [];
  let failure: ErrorData | undefined;
  const take = (event: BuildEvent | ({ readonly type: "error" } & ErrorData)): void => {
    if (event.type === "build:done") results.push(event.result);
    if (event.type === "build:failed") failure ??= event.error;
    if (event.type === "error") failure ??= event;
    else onEvent(event);
  };
  const [program, ...args] = command(places);
  const { failed, tail } = await follow(program, args, {
    signal,
    env: { ...env, ...elsewhereEnv({ home, cacheDir }) },
    onLine: (line) => {
      const event = eventIn(line);
      if (event !== undefined) take(event);
    },
  });
  throwIfAborted(signal);
  if (!failed && failure === undefined) return { results, cacheDir, cwd: places.cwd };
  throw new FledgeError("verify", `it cannot be built a second time: ${failure?.message ?? tail}`, {
    hint: failure?.hint ?? "the second build has an empty cache, another zone, language, umask, day and folder",
  });
}

function eventIn(line: string): BuildEvent | undefined {
  try {
    const event: unknown = JSON.parse(line);
    return typeof event === "object" && event !== null && "type" in event ? (event as BuildEvent) : undefined;
  } catch {
    return undefined; // what a program or a hook says of itself
  }
}
