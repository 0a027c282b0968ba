import { sha256 } from "../lib/digest.ts";
import { sealManifest } from "../volant/write.ts";
import type { Plan } from "./plan.ts";
import { need, type PlannedStage } from "./planned-stage.ts";

/** A plan without what reads or writes the artifact: the tree is made and checked, the manifest rendered and checked. */
export function inMemory(plan: Plan): Plan {
  return { ...plan, stages: plan.stages.flatMap((stage) => replaced(stage, plan)) };
}

function replaced(stage: PlannedStage, { outputs }: Plan): PlannedStage[] {
  switch (stage.name) {
    case "write":
      return [
        {
          ...stage,
          run: (state) => {
            state.artifact = { path: outputs.artifact, sizeBytes: 0, digest: sha256("") };
          },
        },
      ];
    case "publish":
      return outputs.manifest === undefined ? [] : [{ ...stage, run: sealed(outputs.manifest) }];
    case "manifest":
    case "manifest:ready":
      return [stage];
    default:
      return stage.phase === "artifact" ? [] : [stage];
  }
}

function sealed(path: string): PlannedStage["run"] {
  return (state, { warn }) => {
    const { manifest, warnings, budget } = sealManifest(need(state, "manifest"));
    for (const warning of warnings) warn(warning);
    state.writtenManifest = { path, document: manifest, commandLineBytes: budget.encodedBytes };
  };
}
