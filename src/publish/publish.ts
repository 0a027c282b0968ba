import type { ResolvedPlugin } from "../contract/plugin.ts";
import type { RunContext } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import { type Built, onePlugin } from "./built.ts";
import type { PublishTarget } from "./options.ts";
import { Progress } from "./progress.ts";
import { push } from "./push.ts";
import { publishToBucket } from "./targets/bucket.ts";
import { publishedFiles } from "./targets/files.ts";
import { publishToFolder } from "./targets/folder.ts";
import { type TransferOptions, transferring } from "./transfer.ts";

/** What of a plugin is at one of its places now. */
export type Published = {
  /** For people: the reference, the folder, the bucket. */
  readonly target: string;
  /** What can be installed or pulled from there: URLs or paths of manifests, one for each platform, or a reference. */
  readonly locations: readonly string[];
  /** What was not there before. Bytes. */
  readonly sentBytes: number;
};

/**
 * Takes the builds of one plugin, one for each platform, to all that `publish.to` of its config names, one after the other.
 * What is there already stays, so that after a failure it is done again as a whole. Throws a `usage` error when the config
 * names no place.
 */
export async function publishPlugin(
  builds: readonly Built[],
  options: TransferOptions = {},
): Promise<readonly Published[]> {
  const plugin = onePlugin(builds);
  const published: Published[] = [];
  for (const target of targetsOf(plugin)) {
    const title = `Publish to ${nameOf(target)}`;
    const stage = { plugin: plugin.name, stage: "publish", title } as const;
    published.push(await transferring(stage, options, (ctx) => publishTo(builds, target, ctx)));
  }
  return published;
}

/** Where a plugin is published to. Throws a `usage` error when its config does not say. */
export function targetsOf(plugin: ResolvedPlugin): readonly PublishTarget[] {
  const targets = plugin.publish?.to;
  if (targets === undefined) {
    throw new FledgeError("usage", `the config of ${plugin.name} does not say where to publish it`, {
      hint: 'for instance publish: { to: [{ registry: "registry.example.org/team/{name}:{version}" }] }, or fledge push REF',
    });
  }
  return targets;
}

function nameOf(target: PublishTarget): string {
  if ("registry" in target) return target.registry;
  return "dir" in target ? target.dir : `the bucket ${target.bucket}`;
}

async function publishTo(builds: readonly Built[], written: PublishTarget, ctx: RunContext): Promise<Published> {
  const plugin = onePlugin(builds);
  const target = filledIn(written, plugin);
  if ("registry" in target) {
    const { reference, sentBytes } = await push(builds, target.registry, { asImage: target.asImage ?? false }, ctx);
    return { target: target.registry, locations: [reference], sentBytes };
  }
  const bytes = builds.reduce((sum, { result }) => sum + result.artifact.sizeBytes, 0);
  const progress = new Progress(bytes, ctx);
  const locations: string[] = [];
  for (const build of builds) {
    const files = publishedFiles(build);
    const put =
      "dir" in target ? publishToFolder(files, target, progress, ctx) : publishToBucket(files, target, progress, ctx);
    locations.push(await put);
  }
  return { target: nameOf(target), locations, sentBytes: progress.sentBytes };
}

/** `{name}` and `{version}` are the plugin's, in what is no URL. */
function filledIn(target: PublishTarget, { name, version }: { readonly name: string; readonly version: string }) {
  const fill = (text: string): string => text.replaceAll("{name}", name).replaceAll("{version}", version);
  if ("registry" in target) return { ...target, registry: fill(target.registry) };
  if ("dir" in target) return target;
  return { ...target, ...(target.prefix !== undefined && { prefix: fill(target.prefix) }) };
}
