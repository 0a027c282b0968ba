import type { ResolvedPlugin } from "../../contract/plugin.ts";
import { type BuildArgs, buildOptionsOf } from "../build-options.ts";
import type { Command } from "../commands.ts";
import { LOCK_FLAGS, READING_FLAGS, RUN_FLAGS } from "../flags.ts";
import { print, printJson } from "../terminal.ts";

type Args = BuildArgs & { readonly record?: boolean };

export const budget: Command = {
  meta: { name: "budget", description: "Say how the last build stands against its budget, or record a baseline" },
  args: {
    ...READING_FLAGS,
    record: { type: "boolean", description: "Build, and write how large that is into fledge.budget.json" },
    ...LOCK_FLAGS,
    ...RUN_FLAGS,
  },
  examples: [
    ["", "exits 1 when a plugin of this folder's config or workspace is over its budget, or has one and was not built"],
    ["web --record", "what budgets.growth is measured against from now on; a file to commit"],
    ["--json | jq '.[].growth'", "what has grown since, by origin"],
  ],
  run: ({ args }) => runBudget(args as unknown as Args),
};

async function runBudget(args: Args): Promise<number> {
  const [{ loadTargets }, { budgetStatus }, { budgetLines }, { onInterrupt }] = await Promise.all([
    import("../targets.ts"),
    import("../../pipeline/budget-status.ts"),
    import("../render/budget.ts"),
    import("../interrupt.ts"),
  ]);
  const signal = onInterrupt();
  const plugins = await loadTargets(args);
  const options = buildOptionsOf(args);
  if (args.record) await record(plugins, args, signal);
  const found = await Promise.all(plugins.map((plugin) => budgetStatus(plugin, options)));
  if (args.json) printJson(found, 2);
  else print(found.flatMap((status) => budgetLines(status, args.record ?? false)));
  const isMet = found.every(({ overruns, size, budgets }) =>
    // Of what was not built nobody can say that it keeps its budget.
    size === undefined ? Object.keys(budgets).length === 0 : overruns.length === 0,
  );
  return isMet ? 0 : 1;
}

/** Builds one after the other: what is recorded of the first stays when the second fails. */
async function record(plugins: readonly ResolvedPlugin[], args: Args, signal: AbortSignal): Promise<void> {
  const [{ build }, { writeBaseline }, { createRenderer }, { labelOf }] = await Promise.all([
    import("../../build.ts"),
    import("../../budget/baseline.ts"),
    import("../render/renderer.ts"),
    import("../../contract/plugin.ts"),
  ]);
  const { json, quiet = json, ...flags } = args;
  const shown = { ...flags, ...(quiet && { quiet }), plugins: plugins.map(labelOf), isPart: true };
  const renderer = createRenderer(shown);
  try {
    for (const plugin of plugins) {
      const options = { ...buildOptionsOf(args), baseline: true, signal, onEvent: renderer.onEvent };
      await writeBaseline(plugin, (await build(plugin, options)).size);
    }
  } finally {
    renderer.end();
  }
}
