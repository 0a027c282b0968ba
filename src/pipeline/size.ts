import { measureTree } from "../budget/measure.ts";
import type { BuildSize } from "../contract/result.ts";
import { sealManifest } from "../volant/write.ts";
import { type BuildState, need } from "./planned-stage.ts";

/** How large what was built is, as of now. Throws a `manifest` error for one that cannot be written. */
export function sizeOf(state: BuildState): BuildSize {
  const { manifest, writtenManifest } = state;
  const commandLineBytes =
    writtenManifest?.commandLineBytes ?? (manifest && sealManifest(manifest).budget.encodedBytes);
  state.measured ??= measureTree(need(state, "tree"), state.origins.table);
  return {
    imageBytes: need(state, "artifact").sizeBytes,
    ...(commandLineBytes !== undefined && { commandLineBytes }),
    ...state.measured,
  };
}
