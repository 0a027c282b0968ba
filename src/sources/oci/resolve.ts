import type { RunContext } from "../../lib/context.ts";
import { type Digest, sha256 } from "../../lib/digest.ts";
import { FledgeError } from "../../lib/errors.ts";
import type { LayerLimits } from "../../rootfs/limits.ts";
import type { WantedLayer } from "../../store/layers.ts";
import { diffIdsOf, parseImageConfig } from "../image-config.ts";
import type { ImageConfig } from "../source.ts";
import { type Descriptor, MAX_MANIFEST_BYTES, type Manifest, parseManifest } from "./manifest.ts";
import { bestFor, formatPlatform, hostPlatform, type Platform } from "./platform.ts";
import { checkDigest, type ImageStorage, readBlob } from "./storage.ts";

/** One image, its layers not yet fetched. */
export type ImageContents = {
  /** Of the manifest for one platform, never of an index. */
  readonly digest: Digest;
  readonly config: ImageConfig;
  /** The bottom one first. */
  readonly layers: readonly WantedLayer[];
};

export type ResolveOptions = {
  /** Undefined: the host's. */
  readonly platform: Platform | undefined;
  readonly limits: LayerLimits | undefined;
};

/** An index may hold indexes; real ones are one deep. */
const MAX_DEPTH = 4;

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
  let { bytes, manifest } = await readManifest(storage, name);
  for (let depth = 0; manifest.kind === "index"; depth++) {
    if (depth >= MAX_DEPTH) throw new FledgeError("source", `${storage.label}: its indexes are nested too deeply`);
    const chosen = choose(manifest.manifests, options.platform, storage.label);
    ({ bytes, manifest } = await readManifest(storage, chosen.digest));
  }
  const config = parseImageConfig(
    await readBlob(storage, manifest.config, MAX_MANIFEST_BYTES),
    `the config of ${storage.label}`,
  );
  checkPlatform(config, options.platform, storage.label, ctx);
  return {
    digest: sha256(bytes),
    config,
    layers: wantedLayers(storage, manifest, config, options.limits),
  };
}

/** The manifest for a platform out of an index; attestations and the like, for `unknown/unknown`, do not count. */
export function choose(manifests: readonly Descriptor[], wanted: Platform | undefined, label: string): Descriptor {
  const images = manifests.filter(({ platform }) => platform === undefined || platform.os !== "unknown");
  const [only] = images;
  // Tools that make an index of one image often leave the platform to its config.
  if (only !== undefined && images.length === 1 && only.platform === undefined) return only;
  const named = images.filter((item) => item.platform !== undefined);
  const platform = wanted ?? hostPlatform();
  const match = bestFor(platform, named, (item) => item.platform as Platform);
  if (match !== undefined) return match;
  const there = [...new Set(named.map((item) => formatPlatform(item.platform as Platform)))].join(", ");
  throw new FledgeError("source", `${label} has no image for ${formatPlatform(platform)}; it has ${there || "none"}`, {
    hint: there === "" ? undefined : "set source.platform to one of them, or use another image",
  });
}

async function readManifest(storage: ImageStorage, name: string): Promise<{ bytes: Uint8Array; manifest: Manifest }> {
  const label = `manifest ${name} of ${storage.label}`;
  if (!name.startsWith("sha256:")) {
    const { bytes, mediaType } = await storage.manifest(name);
    await storage.keep?.(sha256(bytes), async () => bytes);
    return { bytes, manifest: parseManifest(bytes, label, mediaType) };
  }
  let servedAs: string | undefined;
  const fetch = async (): Promise<Uint8Array> => {
    const { bytes, mediaType } = await storage.manifest(name);
    servedAs = mediaType;
    checkDigest(bytes, name as Digest, label);
    return bytes;
  };
  const bytes = storage.keep === undefined ? await fetch() : await storage.keep(name as Digest, fetch);
  return { bytes, manifest: parseManifest(bytes, label, servedAs) };
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
  manifest: Extract<Manifest, { kind: "image" }>,
  config: ImageConfig,
  limits: LayerLimits | undefined,
): WantedLayer[] {
  const diffIds = diffIdsOf(config.raw, `the config of ${storage.label}`);
  if (diffIds.length !== manifest.layers.length) {
    throw new FledgeError(
      "source",
      `${storage.label} has ${manifest.layers.length} layers, but its config lists ${diffIds.length}`,
    );
  }
  return manifest.layers.map((descriptor, i) => ({
    label: `layer ${descriptor.digest} of ${storage.label}`,
    blob: { digest: descriptor.digest, size: descriptor.size },
    diffId: diffIds[i] as Digest,
    limits,
    attempts: storage.places,
    open: (attempt: number) => storage.blob(descriptor, attempt),
  }));
}
