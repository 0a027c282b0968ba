import { join } from "node:path";
import type { Lockable, Lockables } from "../contract/lock.ts";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import { agentLockables } from "../guest/agent/agent.ts";
import { busyboxLockables } from "../guest/busybox/busybox.ts";
import { kernelLockables } from "../guest/kernel/kernel.ts";
import { kernelIn } from "../guest/kernel/options.ts";
import { formatPlatform } from "../lib/platform.ts";
import { openSource } from "../sources/index.ts";
import { findLock, LOCK_NAME } from "./file.ts";

/** What a build of the plugin, and its boot, fetch; nothing is asked for to find it out. Throws what opening the source throws. */
export async function lockablesOf(
  plugin: ResolvedPlugin,
): Promise<Required<Omit<Lockables, "needsNetwork">> & Lockables> {
  const { source, registries, limits, platform, baseDir, agent } = plugin;
  const settings = { registries, limits, platform: formatPlatform(platform), cwd: baseDir };
  const ofSource = source === undefined ? undefined : await openSource(source, settings).lockables?.();
  const busybox = plugin.strategy === "initramfs" ? plugin.busybox : undefined;
  return {
    unpinned: [],
    notes: [],
    ...ofSource,
    inputs: [
      ...(ofSource?.inputs ?? []),
      ...(agent === undefined ? [] : agentLockables(agent)),
      ...(busybox === undefined ? [] : busyboxLockables(busybox)),
      ...bootLockablesOf(plugin),
    ],
  };
}

/** What to boot what was built fetches. */
export function bootLockablesOf({ guest }: Pick<ResolvedPlugin, "guest">): Lockable[] {
  const kernel = kernelIn(guest);
  return kernel === undefined ? [] : kernelLockables(kernel);
}

/** Where the lock of a plugin is, or is to be: beside its config, or its workspace's. */
export async function lockFileOf({ root, baseDir }: Pick<ResolvedPlugin, "root" | "baseDir">): Promise<string> {
  const folder = root ?? baseDir;
  return (await findLock(folder)) ?? join(folder, LOCK_NAME);
}
