import type { ResolvedPlugin } from "../../contract/plugin.ts";
import { ensureConsole } from "../../guest/skeleton.ts";
import { findHoles } from "../../rootfs/holes.ts";
import { sealTree } from "../../rootfs/seal.ts";
import type { BoundImager } from "../imager.ts";
import type { Step } from "../step.ts";
import { placeWorkload } from "../workload.ts";

export function sealStage({ strategy }: ResolvedPlugin, { isBootable }: BoundImager): Step {
  return {
    name: "seal",
    phase: "image",
    kind: "stage",
    isEssential: true,
    title: isBootable
      ? "Find the program to run, make its working folder, and fix the tree's order, links and times"
      : "Fix the order, links and times of the tree",
    run: async (state, ctx) => {
      if (isBootable) placeWorkload(state, ctx);
      if (strategy === "initramfs") ensureConsole(state.rootfs);
      await findHoles(state.rootfs.root, ctx.signal);
      state.tree = sealTree(state.rootfs.root, ctx.epoch.ceilingSec);
      // What a hook has kept of the tree is of no use to it any more.
      for (const { node } of state.tree.inodes) Object.freeze(node);
    },
  };
}
