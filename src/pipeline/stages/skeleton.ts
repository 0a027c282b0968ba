import type { ResolvedPlugin } from "../../contract/plugin.ts";
import { addSkeleton, INITRAMFS_FOLDERS, ROOTFS_FOLDERS } from "../../guest/skeleton.ts";
import type { Step } from "../step.ts";

export function skeletonStage({ strategy }: ResolvedPlugin): Step {
  return {
    name: "skeleton",
    phase: "rootfs",
    kind: "stage",
    title: "Make the folders every guest needs",
    run: ({ rootfs }) => addSkeleton(rootfs, strategy === "initramfs" ? INITRAMFS_FOLDERS : ROOTFS_FOLDERS),
  };
}
