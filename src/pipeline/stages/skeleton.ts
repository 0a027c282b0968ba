import type { ResolvedPlugin } from "../../config/resolve/plugin.ts";
import { addSkeleton } from "../../guest/skeleton.ts";
import type { Step } from "../step.ts";

export function skeletonStage({ strategy }: ResolvedPlugin): Step | undefined {
  if (strategy !== "initramfs") return undefined;
  return {
    name: "skeleton",
    phase: "rootfs",
    kind: "stage",
    title: "Make the folders every guest needs",
    run: ({ rootfs }) => addSkeleton(rootfs),
  };
}
