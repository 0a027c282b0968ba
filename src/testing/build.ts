import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PluginExport } from "../config/define.ts";
import { loadPlugins } from "../config/project.ts";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import type { BuildResult, Facts } from "../contract/result.ts";
import { type Env, epochFrom, type Warning } from "../lib/context.ts";
import { Disposer } from "../lib/dispose.ts";
import { FledgeError } from "../lib/errors.ts";
import { inMemory } from "../pipeline/in-memory.ts";
import { plan } from "../pipeline/plan.ts";
import type { PlannedStage } from "../pipeline/planned-stage.ts";
import { preflight } from "../pipeline/preflight.ts";
import { runPlan } from "../pipeline/run.ts";
import type { RootfsTree } from "../rootfs/tree.ts";
import { resolveCacheDir } from "../store/cache-dir.ts";
import type { Manifest } from "../volant/schema.ts";

/** The guest's root filesystem as the build leaves it, to be read. */
export type TestTree = Pick<
  RootfsTree,
  "exists" | "stat" | "lstat" | "readdir" | "readFile" | "readRange" | "glob" | "walk"
>;

/** What `buildForTest` builds, and how much of it. */
export type TestBuildOptions = {
  /** The folder that a recipe's paths are relative to, and in which a config is looked for. Default the working folder. */
  readonly cwd?: string;
  /** Which plugin of a config that has several. */
  readonly name?: string;
  /** Write the artifact and its manifest too, into a temporary folder. Default false: the tree stays in memory. */
  readonly write?: boolean;
  readonly mode?: string;
  /** Default linux on this machine's architecture. */
  readonly platform?: string;
  /** Default `process.env`. */
  readonly env?: Env;
  /** Where layers are kept; default the cache that builds use. */
  readonly cacheDir?: string;
  readonly signal?: AbortSignal;
};

/** A build to be looked at. `await using`, or `cleanup()`, removes what it has left on the disk. */
export type TestBuild = {
  readonly plugin: ResolvedPlugin;
  /** Readable until the cleanup. */
  readonly tree: TestTree;
  /** As it would be written. Without `write` its checksum is that of nothing. Absent where Volant boots nothing. */
  readonly manifest?: Manifest;
  readonly warnings: readonly Warning[];
  readonly facts: Facts;
  /** The names of the stages and hooks that ran, in order. */
  readonly stages: readonly string[];
  /** What stages and hooks logged. */
  readonly logs: readonly string[];
  /** With `write`: the paths, sizes and digests of the artifact and the manifest. */
  readonly result?: BuildResult;
  cleanup(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/**
 * Builds a plugin for a test: a recipe as a config would export it, or the path of a config. Hooks, stages and checks run
 * as in a real build; unless `write` says so nothing is written. Throws what a build throws.
 */
export async function buildForTest(recipe: PluginExport | string, options: TestBuildOptions = {}): Promise<TestBuild> {
  const env = options.env ?? process.env;
  const disposer = new HeldDisposer();
  const outDir = options.write ? await mkdtemp(join(tmpdir(), "fledge-test-")) : undefined;
  if (outDir !== undefined) disposer.defer(() => rm(outDir, { recursive: true, force: true }));
  try {
    const plugin = await loadOne(recipe, { ...options, env, ...(outDir !== undefined && { outDir }) });
    const built = await run(plugin, options, { env, disposer });
    const cleanup = async (): Promise<void> => void (await disposer.release());
    return { plugin, ...built, cleanup, [Symbol.asyncDispose]: cleanup };
  } catch (error) {
    await disposer.release();
    throw error;
  }
}

/** A build's own cleanups wait, since the tree reads what they would remove. */
class HeldDisposer extends Disposer {
  override async dispose(): Promise<string[]> {
    return [];
  }

  release(): Promise<string[]> {
    return super.dispose();
  }
}

async function loadOne(
  recipe: PluginExport | string,
  { cwd, name, mode, platform, env, outDir }: TestBuildOptions & { outDir?: string },
): Promise<ResolvedPlugin> {
  const plugins = await loadPlugins({
    ...(typeof recipe === "string" ? { configFile: recipe } : { config: recipe }),
    ...(cwd !== undefined && { cwd }),
    ...(mode !== undefined && { mode }),
    ...(platform !== undefined && { platform }),
    ...(env !== undefined && { env }),
    ...(outDir !== undefined && { outDir }),
    ...(name !== undefined && { names: [name] }),
  });
  const [plugin, other] = plugins;
  if (plugin !== undefined && other === undefined) return plugin;
  throw new FledgeError("usage", `the config has ${plugins.length} plugins`, { hint: "say which one, by name" });
}

async function run(
  plugin: ResolvedPlugin,
  { write = false, cacheDir, signal = new AbortController().signal }: TestBuildOptions,
  { env, disposer }: { readonly env: Env; readonly disposer: Disposer },
): Promise<Omit<TestBuild, "plugin" | "cleanup" | typeof Symbol.asyncDispose>> {
  let tree: RootfsTree | undefined;
  const logs: string[] = [];
  const planned = plan(plugin);
  const seen = planned.stages.map((stage) => ({
    ...stage,
    run: (...[state, ctx]: Parameters<PlannedStage["run"]>) => {
      tree = state.rootfs;
      return stage.run(state, ctx);
    },
  }));
  const whole = { ...planned, stages: seen };
  if (write) await preflight(whole, { env, signal });
  const result = await runPlan(write ? whole : inMemory(whole), {
    ...{ env, signal, disposer, epoch: epochFrom(env), cacheDir: resolveCacheDir(env, cacheDir) },
    onEvent: (event) => {
      if (event.type === "log") logs.push(event.message);
    },
  });
  const { manifest, warnings, facts, stages } = result;
  return {
    // A plan has several, and each sees the same tree.
    tree: tree as RootfsTree,
    ...(manifest !== undefined && { manifest: manifest.document }),
    ...{ warnings, facts, logs },
    stages: stages.map(({ stage }) => stage),
    ...(write && { result }),
  };
}
