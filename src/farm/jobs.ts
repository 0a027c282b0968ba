import type { ResolvedPlugin } from "../contract/plugin.ts";
import type { BuildResult } from "../contract/result.ts";
import { type Digest, hexOf, sha256 } from "../lib/digest.ts";
import { formatPlatform } from "../lib/platform.ts";
import { fledgeVersion } from "../lib/version.ts";
import type { BuildOutputs } from "../serve/queue/index.ts";
import type { BuildRequest } from "../serve/request.ts";

/** What travels through a queue: the bytes travel through the store. */
export type FarmJob = {
  readonly bundle: Digest;
  readonly request: BuildRequest;
  /** Set by whoever wants it ended. */
  readonly isCancelled?: boolean;
};

/** What a job comes to. */
export type FarmResult = { readonly outputs: BuildOutputs; readonly result: BuildResult };

/** The same for equal builds, so that they meet: of the project's bytes, its lock among them, and of what is asked. */
export function jobId({ bundle, request }: Pick<FarmJob, "bundle" | "request">): string {
  const asked = Object.entries(request).sort(([a], [b]) => (a < b ? -1 : 1));
  return `b${hexOf(sha256(JSON.stringify([bundle, asked])))}`;
}

/** Under which names the parts of a job are in the store. */
export const SETS = {
  bundle: (digest: Digest): string => `bundle-${hexOf(digest)}`,
  result: (id: string): string => `result-${id}`,
};

/** Why a job has failed that somebody has cancelled. */
export const CANCELLED = "cancelled";

export const BUNDLE_FILE = "bundle.tar";

/** What a worker must have to build a plugin, sorted. */
export function labelsFor(plugin: ResolvedPlugin, more: readonly string[]): string[] {
  const labels = new Set(more);
  if (plugin.strategy === "oci_rootfs") {
    const { filesystem } = plugin;
    const isMounted = filesystem.type === "xfs" || filesystem.type === "btrfs";
    if (isMounted || (filesystem.type === "ext4" && filesystem.engine === "loop")) labels.add("root");
  }
  if (plugin.source !== undefined && "dockerfile" in plugin.source) {
    labels.add(plugin.source.builder === undefined ? "builder" : `builder:${plugin.source.builder}`);
    labels.add(formatPlatform(plugin.platform));
  }
  return [...labels].sort();
}

/** Each set of labels has a queue of its own, and each version of fledge, since another one writes other bytes. */
export function queueName(labels: readonly string[]): string {
  return ["fledge", fledgeVersion(), ...labels].join(" ").replace(/[^\w. -]/g, "-");
}

/**
 * The queues that a worker with these labels can take from, those that ask for most first: with and without root, with and
 * without one of the builders (and the platform then, as `labelsFor` has it), and each set of its other labels.
 */
export function queuesFor(labels: readonly string[]): string[] {
  const platforms = labels.filter((label) => label.includes("/"));
  const builders = labels.filter((label) => /^builder(:|$)/.test(label));
  const dockerfiles = builders.flatMap((builder) => platforms.map((platform) => [builder, platform]));
  let sets: string[][] = [[], ...dockerfiles];
  const others = labels.filter((label) => !platforms.includes(label) && !builders.includes(label));
  for (const label of others) sets = sets.flatMap((set) => [set, [...set, label]]);
  return sets.sort((a, b) => b.length - a.length).map((set) => queueName([...set].sort()));
}
