import { rename } from "node:fs/promises";
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
    title: "Check the manifest and put both files in place",
    closesPhase: true,
    run: async (state, { warn }) => {
      const written = need(state, "artifact");
      const sealed = sealManifest(need(state, "manifest"));
      for (const warning of sealed.warnings) warn(warning);
      try {
        await rename(written.path, artifact);
      } catch (error) {
        throw ioError(error, "write", artifact);
      }
      await writeManifest(manifest, sealed);
      state.artifact = { ...written, path: artifact };
      state.manifest = sealed.manifest;
      state.commandLineBytes = sealed.budget.encodedBytes;
    },
  };
}
