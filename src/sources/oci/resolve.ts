import type { ImageConfig } from "../../contract/source.ts";
import type { RunContext } from "../../lib/context.ts";
import type { Digest } from "../../lib/digest.ts";
import { FledgeError } from "../../lib/errors.ts";
import { bestFor, formatPlatform, hostPlatform, type Platform } from "../../lib/platform.ts";
import { shortened } from "../../lib/shortened.ts";
import { DEFAULT_IMAGE_LIMITS } from "../../registry/limits.ts";
import type { ImageManifest } from "../../registry/manifest.ts";
import { type ImageStorage, readBlob, readManifest } from "../../registry/storage.ts";
import type { WantedLayer } from "../../store/layers.ts";
import { diffIdsOf, parseImageConfig } from "../image-config.ts";
import { type ChooseOptions, chooseImage } from "./choose.ts";
import { artifactIn } from "./kinds.ts";
import { checkLayerType, foreignLayer, isForeign } from "./layer-types.ts";

/** One image, its layers not yet fetched. */
export type ImageContents = {
  /** Of the manifest for one platform, never of an index. */
  readonly digest: Digest;
  /** Of the index that it was chosen from. */
  readonly index?: Digest;
  readonly config: ImageConfig;
  /** The bottom one first. */
  readonly layers: readonly WantedLayer[];
};

export type ResolveOptions = ChooseOptions;

/**
 * Follows a tag or digest to one image: through indexes by platform, then to the config, every document verified.
 * Throws a `source` error that lists the platforms there are when the one asked for is missing.
 */
export async function resolveImage(
  storage: ImageStorage,
  name: string,
  options: ResolveOptions,
  ctx: RunContext,
): Promise<ImageContents> {
  const { platform, limits } = options;
  const { label } = storage;
  const top = await readManifest(storage, name, limits);
  const { digest, manifest } =
    top.manifest.kind === "index"
      ? await chooseImage(storage, top.manifest, options)
      : { digest: top.digest, manifest: top.manifest };
  const artifact = artifactIn(manifest);
  if (artifact !== undefined) {
    throw new FledgeError("source", `${label} is not an image, but an artifact of the type ${shortened(artifact)}`, {
      hint: "name the image that it belongs to",
    });
  }
  const bytes = await readBlob(storage, manifest.config, limits);
  const config = parseImageConfig(bytes, `the config of ${label}`, limits);
  checkPlatform(config, platform, label, ctx);
  const layers = wantedLayers(storage, manifest, config, options);
  return { digest, ...(top.digest !== digest && { index: top.digest }), config, layers };
}

/** Throws, or warns when no platform was asked for, when the only image there is runs on something else. */
export function checkPlatform(config: ImageConfig, wanted: Platform | undefined, label: string, ctx: RunContext): void {
  const platform = wanted ?? hostPlatform();
  if (config.architecture === "" || bestFor(platform, [config], (one) => one) !== undefined) return;
  const message = `${label} is for ${formatPlatform(config)}, not ${formatPlatform(platform)}`;
  // Somebody who names a platform means it; on a laptop of another architecture the image may still be the right one.
  if (wanted !== undefined)
    throw new FledgeError("source", message, {
      hint: `it is the only image there; to use it set platform to "${formatPlatform(config)}"`,
    });
  ctx.warn({ message, hint: `set source.platform to "${formatPlatform(config)}" if that is what you want` });
}

function wantedLayers(
  storage: ImageStorage,
  { layers }: ImageManifest,
  config: ImageConfig,
  { limits }: ResolveOptions,
): WantedLayer[] {
  const { label } = storage;
  checkLayerCount(layers.length, limits, label);
  const diffIds = diffIdsOf(config.raw, `the config of ${label}`, limits);
  if (diffIds.length !== layers.length) {
    throw new FledgeError("source", `${label} has ${layers.length} layers, but its config lists ${diffIds.length}`);
  }
  return layers.map((descriptor, i) => {
    checkLayerType(descriptor, label);
    const { digest, size, mediaType } = descriptor;
    const diffId = diffIds[i];
    return {
      label: `layer ${digest} of ${label}`,
      blob: { digest, size },
      ...(diffId !== undefined && { diffId }),
      limits,
      attempts: storage.places,
      open: (attempt: number) => {
        const stream = storage.blob(descriptor, attempt);
        return isForeign(mediaType) ? foreignLayer(descriptor, label, stream) : stream;
      },
    };
  });
}

/** Throws a `source` error for an image of more layers than the limit. */
export function checkLayerCount(count: number, limits: ResolveOptions["limits"], label: string): void {
  const { maxLayers } = limits ?? DEFAULT_IMAGE_LIMITS;
  if (count <= maxLayers) return;
  throw new FledgeError("source", `${label} has ${count} layers, the limit maxLayers is ${maxLayers}`, {
    hint: `set limits.maxLayers to ${count} if you trust the image`,
  });
}
