import { dirname } from "node:path";
import { removeTree, temporarySibling } from "../../lib/atomic.ts";
import { Disposer } from "../../lib/dispose.ts";
import { ioError, renamedIn } from "../../lib/io-error.ts";
import { makeFolder } from "../../lib/new-files.ts";
import { renewing } from "../../store/damage.ts";
import type { BoundImager } from "../imager.ts";
import type { Outputs } from "../outputs.ts";
import { need, type Step } from "../step.ts";

export function writeStage(imager: BoundImager, { artifact }: Outputs): Step {
  return {
    name: "write",
    phase: "image",
    kind: "stage",
    owner: imager.owner,
    isEssential: true,
    title: `Write the ${imager.name} image`,
    run: async (state, ctx) => {
      const tree = need(state, "tree");
      const folders = new Disposer();
      // One that something else has been put into meanwhile stays.
      const keepFolders = ctx.disposer.defer(async () => void (await folders.dispose()));
      state.keep = keepFolders;
      await makeFolder(dirname(artifact), folders);
      const path = await temporarySibling(artifact);
      ctx.disposer.defer(() => removeTree(path));
      try {
        state.artifact = await renewing(ctx, async () => {
          await removeTree(path); // What was written until a layer turned out to be damaged.
          return { path, ...(await imager.write(tree, path, ctx)) };
        });
      } catch (error) {
        throw renamedIn(ioError(error, "write", artifact), path, artifact);
      }
    },
  };
}
