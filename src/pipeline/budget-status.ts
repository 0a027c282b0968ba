import { baselineFileOf, readBaseline } from "../budget/baseline.ts";
import { type Growth, growthBetween, type Overrun, overrunsOf } from "../budget/compare.ts";
import type { ResolvedBudgets } from "../budget/options.ts";
import { labelOf, type ResolvedPlugin } from "../contract/plugin.ts";
import type { BuildSize } from "../contract/result.ts";
import type { Env } from "../lib/context.ts";
import { readBuild } from "../store/builds.ts";
import { resolveCacheDir } from "../store/cache-dir.ts";
import { imagerFor } from "./imager.ts";
import { outputsOf } from "./outputs.ts";

/** How what the last build made stands against its budget and what was recorded. */
export type BudgetStatus = {
  readonly name: string;
  readonly budgets: ResolvedBudgets;
  /** Of the last build; absent where this cache knows of none. */
  readonly size?: BuildSize;
  readonly baseline?: BuildSize;
  /** Where the baseline is, or is to be. */
  readonly file: string;
  readonly overruns: readonly Overrun[];
  /** Since the baseline, by origin. */
  readonly growth: readonly Growth[];
};

/** Compares the last build of a plugin with its budget and the recorded baseline; nothing is built. */
export async function budgetStatus(
  plugin: ResolvedPlugin,
  { env = process.env, cacheDir }: { readonly env?: Env; readonly cacheDir?: string } = {},
): Promise<BudgetStatus> {
  const { artifact } = outputsOf(plugin, imagerFor(plugin));
  const { budgets = {} } = plugin;
  const baseline = await readBaseline(plugin);
  const size = (await readBuild(resolveCacheDir(env, cacheDir), artifact))?.size;
  return {
    name: labelOf(plugin),
    budgets,
    ...(size !== undefined && { size }),
    ...(baseline !== undefined && { baseline }),
    file: baselineFileOf(plugin),
    overruns: size === undefined ? [] : overrunsOf(size, budgets, baseline),
    growth: size === undefined || baseline === undefined ? [] : growthBetween(baseline, size),
  };
}
