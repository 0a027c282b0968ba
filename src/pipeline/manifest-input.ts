import { basename } from "node:path";
import type { ResolvedPlugin } from "../config/resolve/plugin.ts";
import { FledgeError } from "../lib/errors.ts";
import type { ManifestInput } from "../volant/input.ts";
import { resolveEntrypoint } from "../volant/workload.ts";
import { type BuildState, need } from "./step.ts";

/** What the manifest is rendered from, once the artifact is written. */
export function manifestInput(state: BuildState, artifactPath: string): ManifestInput {
  const { plugin } = state;
  const { name, version, runtime, manifest, strategy } = plugin;
  return {
    name,
    version,
    runtime,
    options: manifest,
    artifact: {
      kind: strategy === "initramfs" ? "initramfs" : "rootfs",
      fileName: basename(artifactPath),
      digest: need(state, "artifact").digest,
    },
    ...workloadSources(state),
  };
}

/** The command that the guest will run: the config's, else the image's, else what the recipe lets one conclude. */
export function entrypointOf(state: BuildState): string[] {
  const { plugin } = state;
  return resolveEntrypoint({ options: plugin.manifest, ...workloadSources(state) }, { warnings: [], notes: [] });
}

function workloadSources({ plugin, pin, image }: BuildState): Pick<ManifestInput, "image" | "defaults"> {
  return {
    ...(image !== undefined && pin !== undefined && { image: { ...pin, ...image } }),
    defaults: { entrypoint: concludedEntrypoint(plugin) },
  };
}

/**
 * What a recipe runs when it does not say: its own init, the binary that is /init, or the only program it maps.
 */
export function concludedEntrypoint(plugin: ResolvedPlugin): string[] | undefined {
  if (plugin.strategy === "initramfs" && plugin.init.mode === "custom") return [plugin.init.run];
  if (plugin.strategy === "initramfs" && plugin.init.mode === "none") return ["/init"];
  const programs = plugin.mappings.filter(({ to }) => /\/s?bin\/[^/]+$/.test(to));
  return programs.length === 1 && programs[0] !== undefined ? [programs[0].to] : undefined;
}

/** Throws a `config` error when neither the recipe nor an image could say what the guest is to run. */
export function assertEntrypoint(plugin: ResolvedPlugin): void {
  if (plugin.source !== undefined) return; // the image may say
  const { workload, entrypoint } = plugin.manifest;
  if ((workload?.entrypoint ?? entrypoint ?? concludedEntrypoint(plugin)) !== undefined) return;
  throw new FledgeError("config", "manifest.workload.entrypoint is missing: nothing says what the guest is to run", {
    hint: 'manifest: { workload: { entrypoint: ["/usr/bin/app"] } }; a recipe that maps one program into a bin folder need not say',
  });
}
