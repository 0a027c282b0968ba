import type { Command } from "../commands.ts";
import { DOCKERFILE_FLAGS, RECIPE_FLAGS, RUN_FLAGS } from "../flags.ts";
import type { RecipeArgs } from "../targets.ts";
import { line, print, printJson } from "../terminal.ts";

export const plan: Command = {
  meta: { name: "plan", description: "Show what a build would do, and where each value comes from" },
  args: { ...RECIPE_FLAGS, ...DOCKERFILE_FLAGS, verbose: RUN_FLAGS.verbose },
  examples: [
    ["", "the plan of the config in this folder"],
    ["examples/hello --json", "as data"],
    ["./Dockerfile --output-initramfs", "of a Dockerfile, as an initramfs"],
  ],
  run: ({ args }) => printPlans(args as unknown as RecipeArgs & { json?: boolean }),
};

/** Prints the plan of each plugin, as a tree or as one JSON document. */
export async function printPlans(args: RecipeArgs & { readonly json?: boolean }): Promise<number> {
  const [{ loadTargets }, { plan: planBuild }, { lockStatus }, { planLines, planData }] = await Promise.all([
    import("../targets.ts"),
    import("../../pipeline/plan.ts"),
    import("../../lock/status.ts"),
    import("../render/plan.ts"),
  ]);
  const plugins = await loadTargets(args);
  const plans = await Promise.all(
    plugins.map(async (plugin) => [planBuild(plugin), await lockStatus(plugin)] as const),
  );
  if (args.json)
    printJson(
      plans.map(([plan, lock]) => planData(plan, lock)),
      2,
    );
  else print(plans.flatMap(([plan, lock], i) => [...(i === 0 ? [] : [line``]), ...planLines(plan, lock)]));
  return 0;
}
