import { renewing } from "../../store/damage.ts";
import type { BoundImager } from "../imager.ts";
import { need, type Step } from "../step.ts";

export function verifyStage(imager: BoundImager): Step {
  return {
    name: "verify",
    phase: "image",
    kind: "stage",
    owner: imager.owner,
    title: "Read the image back and compare it with the tree",
    run: async (state, ctx) => {
      if (imager.verify !== undefined) {
        await renewing(ctx, async () => imager.verify?.(need(state, "tree"), need(state, "artifact").path, ctx));
        return;
      }
      ctx.warn({
        message: `the imager "${imager.name}" has no verify: the artifact was not compared with the tree`,
        hint: "give defineImager() a verify(tree, image, ctx) that throws when they differ",
      });
    },
  };
}
