import { performance } from "node:perf_hooks";
import { labelOf, type ResolvedPlugin } from "./contract/plugin.ts";
import type { BuildResult } from "./contract/result.ts";
import { contextOutside, type Env, epochFrom, type RunContext, type Warning } from "./lib/context.ts";
import { Disposer } from "./lib/dispose.ts";
import { errorData, FledgeError } from "./lib/errors.ts";
import { defaultJobs, inParallel } from "./lib/jobs.ts";
import { type Held, holdToLock } from "./lock/hold.ts";
import type { EventSink } from "./pipeline/events.ts";
import { imagerFor } from "./pipeline/imager.ts";
import { outputsOf } from "./pipeline/outputs.ts";
import { plan } from "./pipeline/plan.ts";
import { preflight } from "./pipeline/preflight.ts";
import { recover } from "./pipeline/replace.ts";
import { runPlan } from "./pipeline/run.ts";
import { resolveCacheDir } from "./store/cache-dir.ts";

/** How a build is stopped, where it keeps its downloads, and whom it tells what it does. */
export type BuildOptions = {
  /** Stops the build; it cleans up and rejects with an `aborted` error. */
  readonly signal?: AbortSignal;
  /** Default `process.env`. */
  readonly env?: Env;
  /** Where downloads are kept; default FLEDGE_CACHE_DIR, else $XDG_CACHE_HOME/fledge, else ~/.cache/fledge. */
  readonly cacheDir?: string;
  /** Read the artifact back and compare it with the tree. Default false. */
  readonly verify?: boolean;
  /** Write the artifact also when it is there already, the same to the byte. Default false. */
  readonly force?: boolean;
  /** What is built is to be the new baseline of the budget: `budgets.growth` is not asked. Default false. */
  readonly baseline?: boolean;
  /** Where to write the listing of what is in the artifact, with digests and origins; an absolute path. */
  readonly files?: string;
  /**
   * Whether fledge.lock has to hold all that is fetched: what is missing in it, or stale, is an error before any work.
   * Default true when CI is set in `env` and there is a lock.
   */
  readonly frozen?: boolean;
  /** Use no network: what is not in the cache is an error before any work. Default false, unless FLEDGE_OFFLINE is set. */
  readonly offline?: boolean;
  readonly onEvent?: EventSink;
};

/** What `buildAll` takes: the options of each build, and how many run at once. */
export type BuildAllOptions = BuildOptions & {
  /** How many are built at once; default one per core, as long as there are 256 MiB of memory for each. */
  readonly jobs?: number;
};

/** A plugin that was not built, and why. */
export type BuildFailure = {
  /** The plugin's name; of one for several platforms its label. */
  readonly name: string;
  /** A FledgeError, unless it is a bug of fledge's. */
  readonly error: unknown;
  readonly warnings: readonly Warning[];
  readonly durationMs: number;
};

/** What became of several plugins: each is in one of the lists, which keep their order. */
export type BuildAllResult = { readonly results: readonly BuildResult[]; readonly failures: readonly BuildFailure[] };

/**
 * Builds one plugin: its artifact and its manifest, or neither. Throws a FledgeError; missing tools and privileges are
 * found before any work starts.
 */
export async function build(plugin: ResolvedPlugin, options: BuildOptions = {}): Promise<BuildResult> {
  const started = performance.now();
  try {
    return await execute(plugin, options);
  } catch (error) {
    const durationMs = performance.now() - started;
    options.onEvent?.({ type: "build:failed", plugin: labelOf(plugin), error: errorData(error), durationMs });
    throw error;
  }
}

/**
 * Builds several plugins side by side; what they share is downloaded once. A failure is part of the result and keeps
 * no other plugin from being built; an abort stops them all. Throws when two of them would write the same file.
 */
export async function buildAll(
  plugins: readonly ResolvedPlugin[],
  { jobs = defaultJobs(), ...options }: BuildAllOptions = {},
): Promise<BuildAllResult> {
  assertDistinctOutputs(plugins);
  if (options.files !== undefined && plugins.length > 1) {
    throw new FledgeError("usage", `the listings of ${plugins.length} plugins cannot all be ${options.files}`, {
      hint: "name one plugin",
    });
  }
  const outcomes = await inParallel(plugins, jobs, (plugin) => settle(plugin, options));
  return {
    results: outcomes.flatMap((outcome) => ("error" in outcome ? [] : outcome)),
    failures: outcomes.flatMap((outcome) => ("error" in outcome ? outcome : [])),
  };
}

async function settle(plugin: ResolvedPlugin, options: BuildOptions): Promise<BuildResult | BuildFailure> {
  const started = performance.now();
  const warnings: Warning[] = [];
  const onEvent: EventSink = (event) => {
    if (event.type === "warning") warnings.push({ message: event.message, hint: event.hint });
    options.onEvent?.(event);
  };
  try {
    return await build(plugin, { ...options, onEvent });
  } catch (error) {
    return { name: labelOf(plugin), error, warnings, durationMs: performance.now() - started };
  }
}

async function execute(plugin: ResolvedPlugin, options: BuildOptions): Promise<BuildResult> {
  const planned = plan(plugin, options);
  const given = options.env ?? process.env;
  const env = options.offline ? { ...given, FLEDGE_OFFLINE: "1" } : given;
  const signal = options.signal ?? new AbortController().signal;
  await recover(planned.outputs);
  await preflight(planned, { env, signal });
  const shared = {
    env,
    signal,
    epoch: epochFrom(env),
    cacheDir: resolveCacheDir(env, options.cacheDir),
    disposer: new Disposer(),
  };
  const { locks, warnings } = await held(plugin, options, shared);
  const all = { ...planned, warnings: [...planned.warnings, ...warnings] };
  return await runPlan(all, { ...shared, locks, onEvent: options.onEvent ?? (() => {}) });
}

/** What the lock holds the build to; what it took to find out goes with the build, or at once when there is none. */
async function held(
  plugin: ResolvedPlugin,
  { frozen, onEvent }: BuildOptions,
  shared: Omit<RunContext, "progress" | "warn" | "fact" | "log">,
): Promise<Held> {
  const warnings: Warning[] = [];
  const ctx = contextOutside(shared, {
    warn: (warning) => void warnings.push(warning),
    log: (message) => onEvent?.({ type: "log", plugin: labelOf(plugin), message }),
  });
  try {
    const { locks, warnings: own } = await holdToLock(plugin, ctx, { frozen });
    return { ...(locks !== undefined && { locks }), warnings: [...warnings, ...own] };
  } catch (error) {
    await shared.disposer.dispose();
    throw error;
  }
}

function assertDistinctOutputs(plugins: readonly ResolvedPlugin[]): void {
  const owners = new Map<string, string>();
  for (const plugin of plugins) {
    const { artifact } = outputsOf(plugin, imagerFor(plugin));
    const owner = owners.get(artifact);
    if (owner !== undefined) {
      throw new FledgeError("config", `"${owner}" and "${labelOf(plugin)}" would both be written to ${artifact}`, {
        hint: "give them different names, or an outDir of their own",
      });
    }
    owners.set(artifact, labelOf(plugin));
  }
}
