import { rename, rm } from "node:fs/promises";
import { ioError } from "../../lib/io-error.ts";
import { sealManifest, writeManifest } from "../../volant/write.ts";
import type { Outputs } from "../outputs.ts";
import { need, type Step } from "../step.ts";

/** The manifest goes last: where it is, its artifact is too. */
export function publishStage({ artifact, manifest }: Outputs): Step {
  return {
    name: "publish",
    phase: "artifact",
    kind: "stage",
    isEssential: true,
    title: "Check the manifest and put both files in place",
    closesPhase: true,
    run: async (state, { warn, disposer }) => {
      const written = need(state, "artifact");
      const sealed = sealManifest(need(state, "manifest"));
      for (const warning of sealed.warnings) warn(warning);
      try {
        await rename(written.path, artifact);
      } catch (error) {
        throw ioError(error, "write", artifact);
      }
      const keepArtifact = disposer.defer(() => rm(artifact, { force: true }));
      await writeManifest(manifest, sealed);
      const keepManifest = disposer.defer(() => rm(manifest, { force: true }));
      state.keep = () => {
        keepArtifact();
        keepManifest();
      };
      state.artifact = { ...written, path: artifact };
      state.manifest = sealed.manifest;
      state.commandLineBytes = sealed.budget.encodedBytes;
    },
  };
}
