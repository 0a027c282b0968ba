import type { ResolvedPlugin } from "../../config/resolve/plugin.ts";
import { ensureConsole } from "../../guest/skeleton.ts";
import { sealTree } from "../../rootfs/seal.ts";
import type { Step } from "../step.ts";

export function sealStage({ strategy }: ResolvedPlugin): Step {
  return {
    name: "seal",
    phase: "image",
    kind: "stage",
    isEssential: true,
    title: "Fix the order, links and times of the tree",
    run: (state, { epoch }) => {
      if (strategy === "initramfs") ensureConsole(state.rootfs);
      state.tree = sealTree(state.rootfs.root, epoch.ceilingSec);
      // What a hook has kept of the tree is of no use to it any more.
      for (const { node } of state.tree.inodes) Object.freeze(node);
    },
  };
}
