import { renderManifest } from "../../volant/render.ts";
import { sealManifest, writeManifest } from "../../volant/write.ts";
import { manifestInput } from "../manifest-input.ts";
import type { Outputs } from "../outputs.ts";
import { recover, replace, takeTurn } from "../replace.ts";
import { need, type Step } from "../step.ts";

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

/** What was there before comes back when anything fails until the build is done. */
export function publishStage(outputs: Outputs): Step {
  const { artifact, manifest } = outputs;
  return {
    name: "publish",
    phase: "artifact",
    kind: "stage",
    isEssential: true,
    title: manifest === undefined ? "Put the artifact in place" : "Check the manifest and put both files in place",
    closesPhase: true,
    run: async (state, ctx) => {
      const { warn, disposer } = ctx;
      const sealed = manifest === undefined ? undefined : sealManifest(need(state, "manifest"));
      for (const warning of sealed?.warnings ?? []) warn(warning);
      const written = need(state, "artifact");
      const turn = await takeTurn(outputs, ctx);
      disposer.defer(() => turn.release());
      await recover(outputs, turn);
      const replaced = await replace(outputs, written.path, async (path) => {
        if (sealed !== undefined) await writeManifest(path, sealed);
      });
      const withdraw = disposer.defer(replaced.undo);
      if (manifest !== undefined && sealed !== undefined) {
        state.writtenManifest = {
          path: manifest,
          document: sealed.manifest,
          commandLineBytes: sealed.budget.encodedBytes,
        };
      }
      const keepFolders = state.keep;
      state.keep = () => {
        keepFolders?.();
        replaced.keep();
        withdraw();
        disposer.defer(replaced.discard);
      };
      state.artifact = { ...written, path: artifact };
    },
  };
}
