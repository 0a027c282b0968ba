import type { BoundImager } from "../imager.ts";
import { need, type Step } from "../step.ts";

export function verifyStage(imager: BoundImager): Step {
  return {
    name: "verify",
    phase: "image",
    kind: "stage",
    title: "Read the image back and compare it with the tree",
    run: (state, ctx) => imager.verify(need(state, "tree"), need(state, "artifact").path, ctx),
  };
}
