import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { removeTree, temporarySibling } from "../../lib/atomic.ts";
import { isFledgeError } from "../../lib/errors.ts";
import { ioError } from "../../lib/io-error.ts";
import type { BoundImager } from "../imager.ts";
import type { Outputs } from "../outputs.ts";
import { assertReplaceable } from "../replace.ts";
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
      try {
        await mkdir(dirname(artifact), { recursive: true });
        await assertReplaceable(artifact);
        const path = await temporarySibling(artifact);
        ctx.disposer.defer(() => removeTree(path));
        state.artifact = { path, ...(await imager.write(tree, path, ctx)) };
      } catch (error) {
        throw isFledgeError(error) ? error : ioError(error, "write", artifact);
      }
    },
  };
}
