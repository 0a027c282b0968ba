import { rm } from "node:fs/promises";
import { isFledgeError } from "../../lib/errors.ts";
import { ioError } from "../../lib/io-error.ts";
import { sealManifest, writeManifest } from "../../volant/write.ts";
import type { Outputs } from "../outputs.ts";
import { replaceWith, withdraw } from "../replace.ts";
import { need, type Step } from "../step.ts";

/** The manifest goes last: where it is, its artifact is too. */
export function publishStage({ artifact, manifest }: Outputs): Step {
  return {
    name: "publish",
    phase: "artifact",
    kind: "stage",
    isEssential: true,
    title: manifest === undefined ? "Put the artifact in place" : "Check the manifest and put both files in place",
    closesPhase: true,
    run: async (state, { warn, disposer }) => {
      const sealed = manifest === undefined ? undefined : sealManifest(need(state, "manifest"));
      for (const warning of sealed?.warnings ?? []) warn(warning);
      const written = need(state, "artifact");
      try {
        await replaceWith(written.path, artifact);
      } catch (error) {
        throw isFledgeError(error) ? error : ioError(error, "write", artifact);
      }
      const keep = [disposer.defer(() => withdraw(artifact))];
      if (manifest !== undefined && sealed !== undefined) {
        await writeManifest(manifest, sealed);
        keep.push(disposer.defer(() => rm(manifest, { force: true })));
        state.writtenManifest = {
          path: manifest,
          document: sealed.manifest,
          commandLineBytes: sealed.budget.encodedBytes,
        };
      }
      state.keep = () => {
        for (const withdraw of keep) withdraw();
      };
      state.artifact = { ...written, path: artifact };
    },
  };
}
