import type { HookLayer, HookName } from "../../contract/hooks.ts";
import type { Phase } from "../../contract/stage.ts";
import { deepFreeze } from "../../lib/freeze.ts";
import type { Manifest } from "../../volant/schema.ts";
import { viewOf } from "../arrange.ts";
import { fire, type HookContext } from "../fire.ts";
import { type BuildState, need, type PlannedStage } from "../planned-stage.ts";
import type { Call } from "../user-code.ts";

/** All hooks of one name, as a stage of the plan. */
export function hooksStage(
  name: HookName,
  phase: Phase,
  origins: readonly string[],
  layers: readonly HookLayer[],
  closesPhase: boolean,
): PlannedStage {
  return {
    name,
    phase,
    kind: "hooks",
    title: `Run the hooks "${name}"`,
    origins,
    closesPhase,
    run: async (state, ctx) => {
      const { guard } = state;
      if (name === "manifest:ready") return await fire(name, { layers, guard, ...manifestOf(state) }, ctx);
      // The phase and the name say the same of what there is.
      const contextFor = (call: Call) => {
        state.origins.begin({ kind: "hook", label: call.owner.who });
        return contextOf(name, phase, state, call) as HookContext<typeof name>;
      };
      await fire(name, { layers, guard, contextFor }, ctx);
    },
  };
}

function contextOf(name: HookName, phase: Phase, state: BuildState, call: Call): object {
  return name === "source:pinned" ? { plugin: state.plugin, pin: need(state, "pin") } : viewOf(phase, state, call);
}

/** Each hook changes a copy, which counts from its end on; a change that comes later finds it frozen. */
function manifestOf(state: BuildState) {
  const { plugin } = state;
  return {
    contextFor: () => ({ plugin, manifest: structuredClone(need(state, "manifest")) }),
    done: ({ manifest }: { manifest: Manifest }) => {
      state.manifest = structuredClone(manifest);
      deepFreeze(manifest);
    },
  };
}
