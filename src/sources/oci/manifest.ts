import type { Digest } from "../../lib/digest.ts";
import { FledgeError } from "../../lib/errors.ts";
import type { Platform } from "../../lib/platform.ts";
import { type JsonObject, objectOf, objectsOf, parseJson, stringOf } from "./json.ts";

/** A reference to content (image-spec, descriptor.md). */
export type Descriptor = {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly platform?: Platform;
  readonly annotations: Readonly<Record<string, string>>;
};

/** A manifest as it is stored: of one image, or an index of several. */
export type Manifest =
  | { readonly kind: "image"; readonly config: Descriptor; readonly layers: readonly Descriptor[] }
  | { readonly kind: "index"; readonly manifests: readonly Descriptor[] };

export const INDEX_TYPES: readonly string[] = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];

export const MANIFEST_TYPES: readonly string[] = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

/** Larger documents are no manifests: the distribution-spec lets registries refuse them from 4 MiB. */
export const MAX_MANIFEST_BYTES = 4 * 2 ** 20;

/**
 * Reads a manifest or an index, OCI's or Docker's. The document's own `mediaType` decides, then the one it was served
 * with, then its shape. Throws a `source` error that calls it `label`.
 */
export function parseManifest(bytes: Uint8Array, label: string, servedAs?: string): Manifest {
  const document = parseJson(bytes, label);
  const mediaType = stringOf(document.mediaType) ?? servedAs ?? "";
  if (document.schemaVersion === 1 || mediaType.includes("docker.distribution.manifest.v1+")) throw tooOld(label);
  if (document.schemaVersion !== 2) {
    throw new FledgeError("source", `${label} is not an image manifest: its schemaVersion is not 2`);
  }
  // A document that could be read both ways must say which it is (CVE-2021-41190).
  const hasManifests = Array.isArray(document.manifests);
  const hasLayers = Array.isArray(document.layers) || document.config !== undefined;
  if (hasManifests && hasLayers) {
    throw new FledgeError("source", `${label} claims to be a manifest and an index at once`);
  }
  const claims = INDEX_TYPES.includes(mediaType) ? "index" : MANIFEST_TYPES.includes(mediaType) ? "image" : undefined;
  const kind = hasManifests ? "index" : "image";
  if (claims !== undefined && claims !== kind) {
    throw new FledgeError("source", `${label} is no ${mediaType}, though it says so`);
  }
  return kind === "index"
    ? { kind, manifests: objectsOf(document.manifests).map((item) => parseDescriptor(item, label)) }
    : parseImageManifest(document, label);
}

function parseImageManifest(document: JsonObject, label: string): Manifest {
  const config = objectOf(document.config);
  if (config === undefined || !Array.isArray(document.layers)) {
    throw new FledgeError("source", `${label} is not an image manifest: it has no config or no layers`);
  }
  return {
    kind: "image",
    config: parseDescriptor(config, label),
    layers: objectsOf(document.layers).map((item) => parseDescriptor(item, label)),
  };
}

function parseDescriptor(item: JsonObject, label: string): Descriptor {
  const digest = stringOf(item.digest) ?? "";
  const size = item.size;
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) {
    throw new FledgeError("source", `${label} has the digest "${digest}"; only sha256 is supported`);
  }
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    throw new FledgeError("source", `${label}: the descriptor of ${digest} has no valid size`);
  }
  const platform = objectOf(item.platform);
  return {
    mediaType: stringOf(item.mediaType) ?? "",
    digest: digest as Digest,
    size,
    ...(platform && { platform: parseDescriptorPlatform(platform) }),
    annotations: annotationsOf(item.annotations),
  };
}

function parseDescriptorPlatform(platform: JsonObject): Platform {
  const variant = stringOf(platform.variant);
  return {
    os: stringOf(platform.os) ?? "",
    architecture: stringOf(platform.architecture) ?? "",
    ...(variant && { variant }),
  };
}

function annotationsOf(value: unknown): Record<string, string> {
  return Object.fromEntries(
    Object.entries(objectOf(value) ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

function tooOld(label: string): FledgeError {
  return new FledgeError("source", `${label} is a manifest of schema 1, a format that Docker gave up in 2017`, {
    hint: "push the image again with a current docker, podman or skopeo",
  });
}
