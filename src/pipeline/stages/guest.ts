import { statSync } from "node:fs";
import { AGENT_PATH, INIT_PATH } from "../../contract/guest-paths.ts";
import type { ResolvedPlugin } from "../../contract/plugin.ts";
import { fetchAgent } from "../../guest/agent/agent.ts";
import { fetchBusybox, installBusybox } from "../../guest/busybox/busybox.ts";
import { installInit } from "../../guest/init/install.ts";
import { applyMappings } from "../../guest/mappings/apply.ts";
import { addSkeleton, INITRAMFS_FOLDERS, ROOTFS_FOLDERS } from "../../guest/skeleton.ts";
import { isMadeBy, type Outputs } from "../outputs.ts";
import type { PlannedStage } from "../planned-stage.ts";

export function skeletonStage({ strategy }: ResolvedPlugin): PlannedStage {
  return {
    name: "skeleton",
    phase: "rootfs",
    kind: "stage",
    title: "Make the folders every guest needs",
    run: ({ rootfs }) => addSkeleton(rootfs, strategy === "initramfs" ? INITRAMFS_FOLDERS : ROOTFS_FOLDERS),
  };
}

export function busyboxStage(plugin: ResolvedPlugin): PlannedStage | undefined {
  if (plugin.strategy !== "initramfs" || plugin.busybox === undefined) return undefined;
  const { busybox, baseDir } = plugin;
  return {
    name: "busybox",
    phase: "rootfs",
    kind: "stage",
    title: "Add BusyBox and a link for each of its applets",
    run: async ({ rootfs, locks }, ctx) =>
      installBusybox(rootfs, await fetchBusybox(busybox, { ...ctx, baseDir, locks })),
  };
}

export function agentStage(plugin: ResolvedPlugin): PlannedStage | undefined {
  if (plugin.agent === undefined) return undefined;
  const { agent, baseDir } = plugin;
  return {
    name: "agent",
    phase: "rootfs",
    kind: "stage",
    title: `Add the agent at ${AGENT_PATH}`,
    run: async ({ rootfs, locks }, ctx) => {
      const { path } = await fetchAgent(agent, { ...ctx, baseDir, locks });
      if (rootfs.exists(AGENT_PATH)) rootfs.rm(AGENT_PATH);
      rootfs.putFile(AGENT_PATH, { size: statSync(path).size, content: { kind: "file", path } }, { mode: 0o755 });
    },
  };
}

export function initStage(plugin: ResolvedPlugin): PlannedStage | undefined {
  if (plugin.strategy !== "initramfs" || plugin.init.mode === "none") return undefined;
  const { init } = plugin;
  return {
    name: "init",
    phase: "rootfs",
    kind: "stage",
    title: `Add ${INIT_PATH}, which mounts the system's filesystems and runs ${init.run}`,
    run: ({ rootfs }) => installInit(rootfs, init),
  };
}

export function mappingsStage({ mappings, configFile }: ResolvedPlugin, outputs: Outputs): PlannedStage | undefined {
  if (mappings.length === 0) return undefined;
  return {
    name: "mappings",
    phase: "rootfs",
    kind: "stage",
    title: `Copy ${mappings.length} mapped ${mappings.length === 1 ? "path" : "paths"} into the guest`,
    run: (state) => {
      const file = configFile === undefined ? {} : { file: configFile };
      state.mapped = applyMappings(state.rootfs, mappings, {
        omits: isMadeBy(outputs),
        onMapping: ({ key }) => state.origins.begin({ kind: "mapping", label: key, ...file }),
      });
    },
  };
}
