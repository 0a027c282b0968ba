import type { ResolvedPlugin } from "../../contract/plugin.ts";
import { fetchBusybox } from "../../guest/busybox/busybox.ts";
import { installBusybox } from "../../guest/busybox/install.ts";
import type { Step } from "../step.ts";

export function busyboxStage(plugin: ResolvedPlugin): Step | undefined {
  if (plugin.strategy !== "initramfs" || plugin.busybox === undefined) return undefined;
  const { busybox, baseDir } = plugin;
  return {
    name: "busybox",
    phase: "rootfs",
    kind: "stage",
    title: "Add BusyBox and a link for each of its applets",
    run: async ({ rootfs }, ctx) => installBusybox(rootfs, await fetchBusybox(busybox, { ...ctx, baseDir })),
  };
}
