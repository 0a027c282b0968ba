import { sha256 } from "../lib/digest.ts";
import type { Plan } from "../pipeline/plan.ts";
import { need, type Step } from "../pipeline/step.ts";
import { sealManifest } from "../volant/write.ts";

/** A plan without what reads or writes the artifact: the tree is made and checked, the manifest rendered and checked. */
export function inMemory(plan: Plan): Plan {
  return { ...plan, steps: plan.steps.flatMap((step) => replaced(step, plan)) };
}

function replaced(step: Step, { outputs }: Plan): Step[] {
  switch (step.name) {
    case "write":
      return [
        {
          ...step,
          run: (state) => {
            state.artifact = { path: outputs.artifact, sizeBytes: 0, digest: sha256("") };
          },
        },
      ];
    case "publish":
      return outputs.manifest === undefined ? [] : [{ ...step, run: sealed(outputs.manifest) }];
    case "manifest":
    case "manifest:ready":
      return [step];
    default:
      return step.phase === "artifact" ? [] : [step];
  }
}

function sealed(path: string): Step["run"] {
  return (state, { warn }) => {
    const { manifest, warnings, budget } = sealManifest(need(state, "manifest"));
    for (const warning of warnings) warn(warning);
    state.writtenManifest = { path, document: manifest, commandLineBytes: budget.encodedBytes };
  };
}
