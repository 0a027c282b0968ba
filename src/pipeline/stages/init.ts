import type { ResolvedPlugin } from "../../contract/plugin.ts";
import { installInit } from "../../guest/init/install.ts";
import type { Step } from "../step.ts";

export function initStage(plugin: ResolvedPlugin): Step | undefined {
  if (plugin.strategy !== "initramfs" || plugin.init.mode === "none") return undefined;
  const { init } = plugin;
  return {
    name: "init",
    phase: "rootfs",
    kind: "stage",
    title: `Add /init, which mounts the system's filesystems and runs ${init.run}`,
    run: ({ rootfs }) => installInit(rootfs, init),
  };
}
