import type { RunContext } from "../../lib/context.ts";
import { forgetBuild } from "../../store/builds.ts";
import { renderManifest } from "../../volant/render.ts";
import { type SealedManifest, sealManifest, writeManifest } from "../../volant/write.ts";
import type { BoundImager } from "../imager.ts";
import { manifestInput } from "../manifest-input.ts";
import type { Outputs } from "../outputs.ts";
import { type BuildState, need, type PlannedStage } from "../planned-stage.ts";
import { type Replaced, recover, replace, replaceFile, takeTurn } from "../replace.ts";
import { remember, stampOf } from "../up-to-date.ts";
import { writeArtifact } from "./image.ts";

export function manifestStage({ artifact }: Outputs): PlannedStage {
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
export function publishStage(imager: BoundImager, outputs: Outputs): PlannedStage {
  const { artifact, manifest } = outputs;
  return {
    name: "publish",
    phase: "artifact",
    kind: "stage",
    isEssential: true,
    title: manifest === undefined ? "Put the artifact in place" : "Check the manifest and put both files in place",
    closesPhase: true,
    run: async (state, ctx) => {
      const sealed = manifest === undefined ? undefined : sealManifest(need(state, "manifest"));
      for (const warning of sealed?.warnings ?? []) ctx.warn(warning);
      const turn = await takeTurn(outputs, ctx);
      ctx.disposer.defer(() => turn.release());
      await recover(outputs, turn);
      // Another build, or a hook, may have been at it since it was looked at.
      if (state.isUnchanged && (await stampOf(artifact)) !== state.stamp) {
        await writeArtifact(state, { imager, artifact }, ctx);
      }
      if (manifest !== undefined && sealed !== undefined) {
        const { manifest: document, budget } = sealed;
        state.writtenManifest = { path: manifest, document, commandLineBytes: budget.encodedBytes };
      }
      if (state.isUnchanged) await renewManifest(state, sealed, ctx);
      else await putInPlace(state, sealed, ctx);
    },
  };

  async function putInPlace(state: BuildState, sealed: SealedManifest | undefined, ctx: RunContext): Promise<void> {
    const written = need(state, "artifact");
    const isAsWritten = (await stampOf(written.path)) === state.stamp;
    const replaced = await replace(outputs, written.path, async (path) => {
      if (sealed !== undefined) await writeManifest(path, sealed);
    });
    keepWith(state, ctx, replaced);
    state.artifact = { ...written, path: artifact };
    if (isAsWritten) await remember(state, { imager, artifact }, ctx);
    else await forgetBuild(ctx.cacheDir, artifact);
  }

  /** The artifact stays; what is said of it may have changed. */
  async function renewManifest(state: BuildState, sealed: SealedManifest | undefined, ctx: RunContext): Promise<void> {
    if (manifest === undefined || sealed === undefined) return;
    const replaced = await replaceFile(manifest, sealed.text);
    if (replaced === undefined) return;
    keepWith(state, ctx, replaced);
    state.isUnchanged = false;
  }
}

/** It stays when the build succeeds, and is undone when it fails. */
export function keepWith(state: BuildState, { disposer }: RunContext, replaced: Replaced): void {
  const withdraw = disposer.defer(replaced.undo);
  const keepFolders = state.keep;
  state.keep = () => {
    keepFolders?.();
    replaced.keep();
    withdraw();
    disposer.defer(replaced.discard);
  };
}
