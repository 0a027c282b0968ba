import { z } from "zod";
import { type FledgeHooks, HOOK_NAMES, type HookName } from "../contract/hooks.ts";
import { type AnyStage, PHASES } from "../contract/stage.ts";
import { didYouMean } from "../lib/suggest.ts";
import { isPlainObject } from "./variants.ts";

/** Functions that run at named moments of the build. */
export const hooksOption = z
  .custom<Partial<FledgeHooks>>(isPlainObject)
  .superRefine((hooks, ctx) => {
    for (const [name, hook] of Object.entries(hooks)) {
      if (hook === undefined) continue;
      if (!HOOK_NAMES.includes(name as HookName)) {
        const hint = didYouMean(name, HOOK_NAMES);
        ctx.addIssue({ code: "custom", path: [name], message: "unknown hook", params: { hint, at: "key" } });
      } else if (typeof hook !== "function") {
        ctx.addIssue({ code: "custom", path: [name], message: `is not a function but ${kindOf(hook)}` });
      }
    }
  })
  .meta({ expected: "an object of functions" })
  .describe("functions that run at named moments of the build; those of presets run first");

/** Steps of the user's own, placed by name. */
export const stagesOption = z
  .array(z.custom<AnyStage>(isPlainObject).superRefine(checkStage).meta({ expected: "a stage" }))
  .describe("steps of your own, each at the end of its phase or placed by name (before, after, replaces)");

function checkStage(stage: AnyStage, ctx: z.core.$RefinementCtx<AnyStage>): void {
  const problem = (key: string, message: string, hint?: string) =>
    ctx.addIssue({ code: "custom", path: [key], message, params: { hint } });
  if (typeof stage.name !== "string" || stage.name === "") problem("name", "needs a name");
  if (typeof stage.run !== "function") problem("run", "is not a function");
  if (!PHASES.includes(stage.phase)) {
    problem("phase", `${JSON.stringify(stage.phase)} is not a phase`, didYouMean(String(stage.phase), PHASES));
  }
  const places = (["before", "after", "replaces"] as const).filter((key) => stage[key] !== undefined);
  if (places.length > 1) problem(places[1] ?? "after", `${places.join(" and ")} exclude each other`);
}

function kindOf(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "a list" : `of type ${typeof value}`;
}
