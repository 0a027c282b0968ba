import type { ResolvedPlugin } from "../contract/plugin.ts";
import { placeOf } from "../guest/download.ts";
import { shownPlace } from "../guest/fetch.ts";
import { kernelIn } from "../guest/kernel/options.ts";

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
  if (agent !== undefined) inputs.push(input("agent", placeOf(agent), agent.checksum));
  for (const { from, to } of plugin.mappings) inputs.push(input(`mapping to ${to}`, from));
  const kernel = kernelIn(plugin.guest);
  if (kernel !== undefined) inputs.push(input("kernel to boot", placeOf(kernel), kernel.checksum));
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
