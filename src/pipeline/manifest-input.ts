import { existsSync, statSync } from "node:fs";
import { basename, posix } from "node:path";
import { INIT_PATH } from "../contract/guest-paths.ts";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import type { ResolvedMapping } from "../guest/mappings/options.ts";
import { FledgeError } from "../lib/errors.ts";
import type { ManifestInput } from "../volant/input.ts";
import type { ManifestOptions } from "../volant/options.ts";
import { type BuildState, need } from "./planned-stage.ts";

/** What the manifest is rendered from, once the artifact is written. */
export function manifestInput(state: BuildState, artifactPath: string): ManifestInput {
  const { plugin } = state;
  const { name, version, runtime, manifest, strategy } = plugin;
  return {
    name,
    version,
    runtime,
    options: { ...manifest, ...labelsOf(plugin) },
    artifact: {
      kind: strategy === "initramfs" ? "initramfs" : "rootfs",
      fileName: basename(artifactPath),
      digest: need(state, "artifact").digest,
    },
    found: state.command,
    ...workloadSources(state),
  };
}

/**
 * A read-only root needs something to write to, and the manifest has no place for how much but a label. The config's own
 * label of that name wins.
 */
function labelsOf({ manifest, ...plugin }: ResolvedPlugin): Pick<ManifestOptions, "labels"> {
  const overlayBytes =
    plugin.strategy === "oci_rootfs" && plugin.filesystem.type === "squashfs"
      ? plugin.filesystem.overlayBytes
      : undefined;
  if (overlayBytes === undefined) return {};
  return { labels: { "fledge.overlay_size": tmpfsSize(overlayBytes), ...manifest.labels } };
}

/** As the option `size=` of tmpfs(5) takes it. */
function tmpfsSize(bytes: number): string {
  return bytes % MIB === 0 ? `${bytes / MIB}m` : `${bytes}`;
}

const MIB = 1024 * 1024;

/** What may say what the guest runs beside the config. */
export function workloadSources({ plugin, pin, image }: BuildState): Pick<ManifestInput, "image" | "defaults"> {
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
  if (plugin.strategy === "initramfs" && plugin.init.mode === "none") return [INIT_PATH];
  const candidates = plugin.mappings.filter((mapping) => /\/s?bin\/[^/]+$/.test(destination(mapping)));
  const programs = candidates.filter((mapping) => !isFolder(mapping)).map(destination);
  return programs.length === 1 ? programs : undefined;
}

/** Where a mapping puts a file: under its own name in what ends in a slash, or is a folder of programs. */
function destination({ from, to }: ResolvedMapping): string {
  return /\/(?:s?bin)?$/.test(to) ? posix.join(to, basename(from)) : to;
}

function isFolder({ from }: ResolvedMapping): boolean {
  return statSync(from, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Throws a `config` error when neither the recipe nor an image could say what the guest is to run. */
export function assertEntrypoint(plugin: ResolvedPlugin): void {
  const { source, manifest } = plugin;
  const mayBeImage =
    source !== undefined &&
    ("custom" in source ? source.custom.image !== undefined : !("tar" in source || "dir" in source));
  if (mayBeImage) return; // the image may say
  const { workload, entrypoint } = manifest;
  if ((workload?.entrypoint ?? entrypoint ?? concludedEntrypoint(plugin)) !== undefined) return;
  assertSource(source);
  throw missingEntrypoint();
}

/** What is to be in the guest comes before what of it is to run. */
function assertSource(source: ResolvedPlugin["source"] = { dir: "/" }): void {
  const [key, path] = "dir" in source ? ["dir", source.dir] : "tar" in source ? ["tar", source.tar] : [];
  if (path === undefined || existsSync(path)) return;
  throw new FledgeError("config", `source.${key}: ${path} does not exist`, {
    hint: "a relative path starts from the folder of the config",
  });
}

export function missingEntrypoint(): FledgeError {
  const message = "manifest.workload.entrypoint is missing: nothing says what the guest is to run";
  return new FledgeError("config", message, {
    hint: 'manifest: { workload: { entrypoint: ["/usr/bin/app"] } }; a recipe that maps one program into a bin folder need not say, nor one whose image has an Entrypoint or Cmd',
  });
}
