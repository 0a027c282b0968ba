import { readBaseline } from "../../budget/baseline.ts";
import { growthText, overrunsOf, overrunText } from "../../budget/compare.ts";
import type { ResolvedBudgets } from "../../budget/options.ts";
import { labelOf, type ResolvedPlugin } from "../../contract/plugin.ts";
import type { RunContext } from "../../lib/context.ts";
import { FledgeError } from "../../lib/errors.ts";
import { readBuild } from "../../store/builds.ts";
import type { Outputs } from "../outputs.ts";
import type { PlannedStage } from "../planned-stage.ts";
import { sizeOf } from "../size.ts";

/** Before anything is put in place, so that what was there stays. `isBaseline`: what is built is to be the new baseline. */
export function budgetStage(
  plugin: ResolvedPlugin,
  budgets: ResolvedBudgets,
  { artifact }: Outputs,
  isBaseline: boolean,
): PlannedStage {
  return {
    name: "budget",
    phase: "artifact",
    kind: "stage",
    title: "Compare with the budget",
    // What stages of the user's do to the manifest counts.
    closesPhase: true,
    run: async (state, ctx) => {
      const size = sizeOf(state);
      const baseline = isBaseline ? undefined : await readBaseline(plugin);
      if (budgets.growth !== undefined && baseline === undefined && !isBaseline) warnOfNoBaseline(plugin, ctx);
      const overruns = overrunsOf(size, budgets, baseline);
      if (overruns.length === 0) return;
      const last = (await readBuild(ctx.cacheDir, artifact))?.size;
      const grown = [
        last && growthText("the last build", last, size),
        baseline && growthText("the recorded baseline", baseline, size),
      ].filter((text) => text !== undefined);
      const hint = overruns.some(({ isGrowth }) => isGrowth)
        ? `fledge inspect says what is large; fledge budget ${plugin.name} --record takes it as it is`
        : "fledge inspect says what is large; budgets in the config say what may be";
      throw new FledgeError("image", `${labelOf(plugin)} is over its budget`, {
        problems: [...overruns.map(overrunText), ...grown].map((message) => ({ message })),
        hint,
      });
    },
  };
}

function warnOfNoBaseline(plugin: ResolvedPlugin, { warn }: RunContext): void {
  warn({
    message: `budgets.growth says nothing of ${labelOf(plugin)}: no baseline was recorded`,
    hint: `fledge budget ${plugin.name} --record writes one, a small file to commit`,
  });
}
