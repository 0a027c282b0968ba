import type { Command } from "../commands.ts";
import { DOCKERFILE_FLAGS, RECIPE_FLAGS } from "../flags.ts";
import type { RecipeArgs } from "../targets.ts";

export const plan: Command = {
  meta: { name: "plan", description: "Show what a build would do, and where each value comes from" },
  args: { ...RECIPE_FLAGS, ...DOCKERFILE_FLAGS },
  examples: [
    ["", "the plan of the config in this folder"],
    ["examples/hello --json", "as data"],
    ["./Dockerfile --output-initramfs", "of a Dockerfile, as an initramfs"],
  ],
  run: ({ args }) => printPlans(args as unknown as RecipeArgs & { json?: boolean }),
};

/** Prints the plan of each plugin, as a tree or as one JSON document. */
export async function printPlans(args: RecipeArgs & { readonly json?: boolean }): Promise<number> {
  const [{ loadTargets }, { plan: planBuild }, { renderPlan, planData }] = await Promise.all([
    import("../targets.ts"),
    import("../../pipeline/plan.ts"),
    import("../render/plan.ts"),
  ]);
  const plans = (await loadTargets(args)).map((plugin) => planBuild(plugin));
  process.stdout.write(
    args.json ? `${JSON.stringify(plans.map(planData), undefined, 2)}\n` : plans.map(renderPlan).join("\n"),
  );
  return 0;
}
