import type { ResolvedPlugin } from "../../config/resolve/plugin.ts";
import { ensureConsole } from "../../guest/skeleton.ts";
import { findHoles } from "../../rootfs/holes.ts";
import { sealTree } from "../../rootfs/seal.ts";
import type { Step } from "../step.ts";

export function sealStage({ strategy }: ResolvedPlugin): Step {
  return {
    name: "seal",
    phase: "image",
    kind: "stage",
    isEssential: true,
    title: "Fix the order, links and times of the tree",
    run: async (state, { epoch, signal }) => {
      if (strategy === "initramfs") ensureConsole(state.rootfs);
      await findHoles(state.rootfs.root, signal);
      state.tree = sealTree(state.rootfs.root, epoch.ceilingSec);
    },
  };
}
