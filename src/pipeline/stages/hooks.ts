import { viewOf } from "../arrange.ts";
import { type Fire, hookRunner } from "../fire.ts";
import type { HookLayer, HookName } from "../hooks.ts";
import type { Phase } from "../stage.ts";
import { type BuildState, need, type Step } from "../step.ts";

/** All hooks of one name, as a step of the plan. */
export function hooksStep(
  name: HookName,
  phase: Phase,
  origins: readonly string[],
  layers: readonly HookLayer[],
  closesPhase: boolean,
): Step {
  return {
    name,
    phase,
    kind: "hooks",
    title: `Run the hooks "${name}"`,
    origins,
    closesPhase,
    run: async (state, ctx) => {
      await (hookRunner(layers) as Fire)(name, contextOf(name, phase, state), ctx);
    },
  };
}

function contextOf(name: HookName, phase: Phase, state: BuildState): never {
  const { plugin } = state;
  if (name === "source:pinned") return { plugin, pin: need(state, "pin") } as never;
  if (name === "manifest:ready") return { plugin, manifest: need(state, "manifest") } as never;
  return viewOf(phase, state) as never;
}
