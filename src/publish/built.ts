import { labelOf, type ResolvedPlugin } from "../contract/plugin.ts";
import type { BuildResult } from "../contract/result.ts";
import { FledgeError } from "../lib/errors.ts";

/** A build and the plugin that it is of. */
export type Built = { readonly plugin: ResolvedPlugin; readonly result: BuildResult };

/** The plugin of builds that are of one, each for another platform. Throws a `usage` error for what is not. */
export function onePlugin(builds: readonly Built[]): ResolvedPlugin {
  const plugin = builds[0]?.plugin;
  if (plugin === undefined || builds.some((build) => build.plugin.name !== plugin.name)) {
    throw new FledgeError("usage", "a repository gets one plugin", { hint: "name one of them before the reference" });
  }
  return plugin;
}

/** The manifest of a build. Throws a `usage` error when there is none, since Volant boots no such thing. */
export function manifestOf({ plugin, result }: Built): NonNullable<BuildResult["manifest"]> {
  if (result.manifest !== undefined) return result.manifest;
  throw new FledgeError("usage", `${labelOf(plugin)} is nothing that Volant boots, and has no manifest`, {
    hint: 'an initramfs, or an "oci_rootfs" whose filesystem is a disk, can be pushed and published',
  });
}
