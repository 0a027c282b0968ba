import { renderManifest } from "../../volant/render.ts";
import { manifestInput } from "../manifest-input.ts";
import type { Outputs } from "../outputs.ts";
import type { Step } from "../step.ts";

export function manifestStage({ artifact }: Outputs): Step {
  return {
    name: "manifest",
    phase: "artifact",
    kind: "stage",
    isEssential: true,
    title: "Render the manifest",
    run: (state, { warn, log }) => {
      const { manifest, warnings, notes } = renderManifest(manifestInput(state, artifact));
      for (const warning of warnings) warn(warning);
      for (const { key, origin } of notes) log(`manifest: ${key} from ${origin}`);
      state.manifest = manifest;
    },
  };
}
