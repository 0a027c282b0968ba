import type { ResolvedPlugin } from "../config/resolve/plugin.ts";
import { dropSecrets } from "../lib/url.ts";

/** Something that a build reads from outside the config. */
export type Input = { readonly what: string; readonly from: string; readonly pinned?: string };

export function inputsOf(plugin: ResolvedPlugin): Input[] {
  const inputs: Input[] = [];
  if (plugin.strategy === "initramfs" && plugin.busybox !== undefined) {
    const { busybox } = plugin;
    inputs.push(input("BusyBox", "url" in busybox ? busybox.url : busybox.path, busybox.sha256));
  }
  const { agent } = plugin;
  if (agent !== undefined) {
    const from =
      "release" in agent ? `release ${agent.release} of ${agent.repository}` : "url" in agent ? agent.url : agent.path;
    inputs.push(input("agent", from, agent.checksum));
  }
  for (const { from, to } of plugin.mappings) inputs.push(input(`mapping to ${to}`, from));
  return inputs;
}

/** `from` is shown and logged. */
function input(what: string, from: string, pinned?: string): Input {
  return { what, from: dropSecrets(from), ...(pinned !== undefined && { pinned }) };
}
