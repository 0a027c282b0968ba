import type { ResolvedPlugin } from "../../contract/plugin.ts";
import { applyMappings } from "../../guest/mappings/apply.ts";
import { isMadeBy, type Outputs } from "../outputs.ts";
import type { Step } from "../step.ts";

export function mappingsStage({ mappings }: ResolvedPlugin, outputs: Outputs): Step | undefined {
  if (mappings.length === 0) return undefined;
  return {
    name: "mappings",
    phase: "rootfs",
    kind: "stage",
    title: `Copy ${mappings.length} mapped ${mappings.length === 1 ? "path" : "paths"} into the guest`,
    run: (state) => {
      state.mapped = applyMappings(state.rootfs, mappings, isMadeBy(outputs));
    },
  };
}
