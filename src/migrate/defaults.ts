import { isDeepStrictEqual } from "node:util";
import type { AnyPlugin } from "../config/define.ts";
import { loadPlugins } from "../config/project.ts";
import type { LayerInput } from "../config/schema.ts";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import type { Env } from "../lib/context.ts";

/** What the Go original made people write, and what its users wrote to be sure. */
const USUAL = [
  ["agent"],
  ["busybox"],
  ["filesystem", "type"],
  ["filesystem", "preallocate"],
  ["filesystem"],
  ["archive", "compression"],
  ["archive"],
  // What is left of a manifest.toml that has a name only.
  ["manifest"],
] as const;

type Options = {
  readonly cwd: string;
  readonly env: Env;
  readonly isKept: (path: readonly string[]) => boolean;
};

/**
 * The values without those that say what is the case anyway: what comes of them is `plugin` with and without. Those
 * that `isKept` stay.
 */
export async function withoutDefaults(
  values: LayerInput,
  plugin: ResolvedPlugin,
  { cwd, env, isKept }: Options,
): Promise<LayerInput> {
  // What a preset says today may be something else tomorrow; there, every word counts.
  if (values.extends !== undefined) return values;
  let least = values;
  for (const path of USUAL) {
    const candidate = isKept(path) ? least : without(least, path);
    if (candidate !== least && isSameBuild(await resolved(candidate, { cwd, env }), plugin)) least = candidate;
  }
  return least;
}

/** Whether two plugins build the same; where they were read and what was said meanwhile does not count. */
function isSameBuild(a: ResolvedPlugin | undefined, b: ResolvedPlugin): boolean {
  return a !== undefined && isDeepStrictEqual(recipeOf(a), recipeOf(b));
}

function recipeOf({ configFile: _file, notes: _notes, warnings: _warnings, ...recipe }: ResolvedPlugin): object {
  return recipe;
}

async function resolved(values: LayerInput, at: { cwd: string; env: Env }): Promise<ResolvedPlugin | undefined> {
  // What the checks refuse is not the same.
  const [plugin] = await loadPlugins({ ...at, config: values as AnyPlugin }).catch(() => []);
  return plugin;
}

function without(values: LayerInput, [key, inner]: readonly [string, string?]): LayerInput {
  const entries = Object.entries(values);
  const there = entries.find(([name]) => name === key)?.[1];
  if (there === undefined) return values;
  if (inner === undefined) return Object.fromEntries(entries.filter(([name]) => name !== key));
  if (typeof there !== "object" || there === null || !(inner in there)) return values;
  const less = Object.fromEntries(Object.entries(there).filter(([name]) => name !== inner));
  return Object.fromEntries(entries.map(([name, value]) => [name, name === key ? less : value]));
}
