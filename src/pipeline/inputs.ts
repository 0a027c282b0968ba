import type { ResolvedPlugin } from "../contract/plugin.ts";
import { DEFAULT_REPOSITORY } from "../guest/agent/options.ts";
import { shownPlace } from "../guest/fetch.ts";

/** Something that a build reads from outside the config. */
export type Input = { readonly what: string; readonly from: string; readonly pinned?: string };

export function inputsOf(plugin: ResolvedPlugin): Input[] {
  const inputs: Input[] = [];
  if (plugin.source !== undefined) inputs.push(input("source", referenceOf(plugin)));
  if (plugin.strategy === "initramfs" && plugin.busybox !== undefined) {
    const { busybox } = plugin;
    inputs.push(input("BusyBox", "url" in busybox ? busybox.url : busybox.path, busybox.sha256));
  }
  if (plugin.strategy === "initramfs" && plugin.init.mode === "custom" && plugin.init.from !== undefined) {
    inputs.push(input("init", plugin.init.from));
  }
  const { agent } = plugin;
  if (agent !== undefined) {
    const from =
      "release" in agent
        ? `release ${agent.release} of ${agent.repository ?? DEFAULT_REPOSITORY}`
        : "url" in agent
          ? agent.url
          : agent.path;
    inputs.push(input("agent", from, agent.checksum));
  }
  for (const { from, to } of plugin.mappings) inputs.push(input(`mapping to ${to}`, from));
  return inputs;
}

/** What the recipe starts from, as the config has it. */
export function referenceOf({ source = { dir: "" } }: ResolvedPlugin): string {
  if ("custom" in source) return source.custom.name;
  if ("image" in source) return source.image;
  if ("dockerfile" in source) return source.dockerfile;
  if ("layout" in source) return source.layout;
  if ("archive" in source) return source.archive;
  return "tar" in source ? source.tar : source.dir;
}

/** `from` is shown and logged. */
function input(what: string, from: string, pinned?: string): Input {
  return { what, from: shownPlace(from), ...(pinned !== undefined && { pinned }) };
}
