import { availableParallelism } from "node:os";
import type { ResolvedPlugin } from "./config/resolve/plugin.ts";
import { type Env, epochFrom } from "./lib/context.ts";
import { Disposer } from "./lib/dispose.ts";
import { FledgeError } from "./lib/errors.ts";
import type { EventSink } from "./pipeline/events.ts";
import { type Plan, plan } from "./pipeline/plan.ts";
import { preflight } from "./pipeline/preflight.ts";
import type { BuildResult } from "./pipeline/result.ts";
import { runPlan } from "./pipeline/run.ts";
import { resolveCacheDir } from "./store/cache-dir.ts";

export type BuildOptions = {
  /** Stops the build; it cleans up and rejects with an `aborted` error. */
  readonly signal?: AbortSignal;
  /** Default `process.env`. */
  readonly env?: Env;
  /** Where downloads are kept; default FLEDGE_CACHE_DIR, else $XDG_CACHE_HOME/fledge, else ~/.cache/fledge. */
  readonly cacheDir?: string;
  /** Read the artifact back and compare it with the tree. Default false. */
  readonly verify?: boolean;
  /** How many plugins `buildAll` builds at a time. Default one per processor. */
  readonly concurrency?: number;
  readonly onEvent?: EventSink;
};

/**
 * Builds one plugin: its artifact and its manifest, or neither. Throws a FledgeError; missing tools and privileges are
 * found before any work starts.
 */
export async function build(plugin: ResolvedPlugin, options: BuildOptions = {}): Promise<BuildResult> {
  return await execute(plan(plugin, options), options);
}

/** Builds several plugins side by side. All are built even when one fails; then the first failure is thrown. */
export async function buildAll(plugins: readonly ResolvedPlugin[], options: BuildOptions = {}): Promise<BuildResult[]> {
  const plans = plugins.map((plugin) => plan(plugin, options));
  assertDistinctOutputs(plans);
  const results: PromiseSettledResult<BuildResult>[] = new Array(plans.length);
  const queue = [...plans.entries()];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, planned] = next;
      results[index] = await execute(planned, options).then(
        (value) => ({ status: "fulfilled", value }),
        (reason: unknown) => ({ status: "rejected", reason }),
      );
    }
  };
  await Promise.all(
    Array.from({ length: Math.min(options.concurrency ?? availableParallelism(), plans.length) }, worker),
  );
  return results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}

async function execute(planned: Plan, options: BuildOptions): Promise<BuildResult> {
  const env = options.env ?? process.env;
  const signal = options.signal ?? new AbortController().signal;
  await preflight(planned, { env, signal });
  return await runPlan(planned, {
    env,
    signal,
    epoch: epochFrom(env),
    cacheDir: resolveCacheDir(env, options.cacheDir),
    disposer: new Disposer(),
    onEvent: options.onEvent ?? (() => {}),
  });
}

function assertDistinctOutputs(plans: readonly Plan[]): void {
  const owners = new Map<string, string>();
  for (const { plugin, outputs } of plans) {
    const owner = owners.get(outputs.artifact);
    if (owner !== undefined) {
      throw new FledgeError("config", `"${owner}" and "${plugin.name}" would both be written to ${outputs.artifact}`, {
        hint: "give them different names, or an outDir of their own",
      });
    }
    owners.set(outputs.artifact, plugin.name);
  }
}
