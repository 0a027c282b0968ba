import { relative, resolve } from "node:path";
import type { Lockable, Lockables, Locks } from "../../contract/lock.ts";
import type { ImageSource } from "../../contract/source.ts";
import { hostPlatform, type Platform } from "../../lib/platform.ts";
import { type RegistrySourceOptions, registrySource } from "../image/index.ts";
import type { SourceLimits } from "../limits-options.ts";
import { archiveSource } from "../local-image/archive.ts";
import { type Base, basesOf, withDigests } from "./bases.ts";
import { buildImage } from "./build.ts";
import { chooseEngine, engineRequirement } from "./engines.ts";
import { madeArchive } from "./made.ts";
import type { DockerfileOptions } from "./options.ts";
import { prepare, readDockerfile } from "./request.ts";

export type DockerfileSettings = Pick<RegistrySourceOptions, "registries" | "patience"> & {
  /** Default Linux on the host's processor. */
  readonly platform: Platform | undefined;
  readonly limits: SourceLimits | undefined;
  readonly cwd: string;
};

/**
 * The image of a Dockerfile: built once, when it is pinned, and read from the archive that the engine writes. A lock holds
 * the images that it is made from: every engine is given a copy of the file that names their digests.
 */
export function dockerfileSource(options: DockerfileOptions, settings: DockerfileSettings): ImageSource {
  const { platform, limits, cwd } = settings;
  const name = relative(cwd, resolve(cwd, options.dockerfile)) || options.dockerfile;
  const source = madeArchive(engineRequirement(options), async (ctx, locks) => {
    const prepared = await prepare(options, settings, ctx);
    const held = locks && (await heldText(prepared.text, options, settings, locks));
    const chosen = await chooseEngine(options, ctx);
    ctx.log(`${name} is built by ${chosen.engine.name} (${chosen.path})`);
    const path = await buildImage({ name, ...chosen, held }, prepared, ctx);
    return archiveSource({ reference: name, path }, { platform, limits, tag: undefined });
  });
  return { ...source, lockables: () => lockablesOf(name, options, settings) };
}

async function lockablesOf(name: string, options: DockerfileOptions, settings: DockerfileSettings): Promise<Lockables> {
  const needsNetwork = `the image of ${name} is built by another program, which fetches what it needs by itself`;
  // One that cannot be read is told of by the build, with what to do about it.
  const text = await readDockerfile(resolve(settings.cwd, options.dockerfile)).catch(() => undefined);
  if (text === undefined) return { inputs: [], needsNetwork };
  const { bases, unknown, notes } = basesIn(text, options, settings);
  const inputs = new Map<string, Lockable>();
  for (const base of bases) for (const input of await inputsOf(base, settings)) inputs.set(input.key, input);
  return {
    inputs: [...inputs.values()],
    unpinned: unknown.map((instruction) => ({
      what: `"${instruction}" of ${name}`,
      hint: "name an image of a registry, by what ARG before the first FROM or source.buildArgs say",
    })),
    notes: notes.map((note) => `${name}: ${note}`),
    needsNetwork,
  };
}

/** The text with the digests that the lock has. */
async function heldText(
  text: string,
  options: DockerfileOptions,
  settings: DockerfileSettings,
  locks: Locks,
): Promise<string> {
  const { bases } = basesIn(text, options, settings);
  const digests = new Map<Base, string>();
  for (const base of bases) {
    for (const { key, pinned } of await inputsOf(base, settings)) {
      const entry = pinned === undefined ? locks.get(key) : undefined;
      if (entry !== undefined) digests.set(base, entry.digest);
    }
  }
  return withDigests(text, bases, (base) => digests.get(base));
}

function basesIn(text: string, { buildArgs = {} }: DockerfileOptions, { platform }: DockerfileSettings) {
  return basesOf(text, { buildArgs, platform: platform ?? hostPlatform() });
}

/** As images of registries, so that a base and a source of one name have one entry. */
async function inputsOf(
  { name, reference, platform }: Base,
  settings: DockerfileSettings,
): Promise<readonly Lockable[]> {
  const { registries, patience, limits } = settings;
  const source = registrySource(name, reference, { platform, registries, patience, limits });
  return (await source.lockables?.())?.inputs ?? [];
}
