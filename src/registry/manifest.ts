import { type Digest, digestFrom } from "../lib/digest.ts";
import { FledgeError, isFledgeError } from "../lib/errors.ts";
import type { Platform } from "../lib/platform.ts";
import { shortened } from "../lib/shortened.ts";
import { type JsonObject, objectOf, objectsOf, parseJson, stringOf } from "./json.ts";
import type { DocumentLimits } from "./limits.ts";

/** A reference to content (image-spec, descriptor.md). */
export type Descriptor = {
  /** Empty where it is left out. */
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly platform?: Platform;
  /** Of what is no image: what it is. */
  readonly artifactType?: string;
  readonly annotations: Readonly<Record<string, string>>;
};

/** A manifest of one image, or of an artifact that is stored like one. */
export type ImageManifest = {
  readonly kind: "image";
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly artifactType?: string;
  /** Whether it says something about another manifest, as signatures do. */
  readonly hasSubject: boolean;
  readonly annotations: Readonly<Record<string, string>>;
};

export type ImageIndex = {
  readonly kind: "index";
  readonly manifests: readonly Descriptor[];
  /** Entries that cannot be used, which is no harm as long as others can. */
  readonly odd: readonly { readonly platform?: Platform; readonly why: FledgeError }[];
};

/** A manifest as it is stored: of one image, or an index of several. */
export type Manifest = ImageManifest | ImageIndex;

export const INDEX_TYPES: readonly string[] = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];

export const MANIFEST_TYPES: readonly string[] = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

// RFC 6838, 4.2: what the image-spec wants of a media type.
const RESTRICTED_NAME = "[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}";
const MEDIA_TYPE = new RegExp(`^${RESTRICTED_NAME}/${RESTRICTED_NAME}$`);

type ParseOptions = {
  /** The media type that it was served with. */
  readonly servedAs?: string | undefined;
  readonly limits?: DocumentLimits | undefined;
};

/**
 * Reads a manifest or an index, OCI's or Docker's. The document's own `mediaType` decides, then the one it was served
 * with, then its shape. Throws a `source` error that calls it `label`.
 */
export function parseManifest(bytes: Uint8Array, label: string, options: ParseOptions = {}): Manifest {
  const document = parseJson(bytes, label, options.limits);
  const mediaType = stringOf(document.mediaType) ?? options.servedAs ?? "";
  if (document.schemaVersion === 1 || mediaType.includes("docker.distribution.manifest.v1+")) throw tooOld(label);
  if (document.schemaVersion !== 2) {
    throw new FledgeError("source", `${label} is not an image manifest: its schemaVersion is not 2`);
  }
  // A document that could be read both ways must say which it is (CVE-2021-41190).
  const hasManifests = Array.isArray(document.manifests);
  const hasLayers = Array.isArray(document.layers) || objectOf(document.config) !== undefined;
  if (hasManifests && hasLayers) {
    throw new FledgeError("source", `${label} claims to be a manifest and an index at once`);
  }
  const claims = INDEX_TYPES.includes(mediaType) ? "index" : MANIFEST_TYPES.includes(mediaType) ? "image" : undefined;
  // What Go has none of it writes as null: `docker save` of an image without a name has such an index.
  const isEmptyIndex = claims === "index" && !hasLayers && (document.manifests ?? null) === null;
  const kind = hasManifests || isEmptyIndex ? "index" : "image";
  if (claims !== undefined && claims !== kind) {
    throw new FledgeError("source", `${label} is no ${mediaType}, though it says so`);
  }
  return kind === "index" ? parseIndex(document, label) : parseImageManifest(document, label);
}

function parseIndex(document: JsonObject, label: string): ImageIndex {
  const manifests: Descriptor[] = [];
  const odd: ImageIndex["odd"][number][] = [];
  for (const item of objectsOf(document.manifests)) {
    try {
      manifests.push(parseDescriptor(item, label));
    } catch (why) {
      if (!isFledgeError(why)) throw why;
      const platform = platformOf(item.platform);
      odd.push({ why, ...(platform && { platform }) });
    }
  }
  return { kind: "index", manifests, odd };
}

function parseImageManifest(document: JsonObject, label: string): ImageManifest {
  const config = objectOf(document.config);
  const layers = document.layers === null ? [] : document.layers;
  if (config === undefined || !Array.isArray(layers)) {
    throw new FledgeError("source", `${label} is not an image manifest: it has no config or no layers`);
  }
  const artifactType = stringOf(document.artifactType);
  return {
    kind: "image",
    config: parseDescriptor(config, label),
    layers: layers.map((item) => parseDescriptor(objectOf(item) ?? {}, label)),
    ...(artifactType && { artifactType }),
    hasSubject: objectOf(document.subject) !== undefined,
    annotations: annotationsOf(document.annotations),
  };
}

function parseDescriptor(item: JsonObject, label: string): Descriptor {
  const digest = digestFrom(item.digest);
  const mediaType = item.mediaType ?? "";
  const size = item.size;
  if (digest === undefined) {
    const written = shortened(stringOf(item.digest) ?? "");
    throw new FledgeError("source", `${label} has the digest "${written}"; only sha256 is supported`);
  }
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    throw new FledgeError("source", `${label}: the descriptor of ${digest} has no valid size`);
  }
  if (typeof mediaType !== "string" || (mediaType !== "" && !MEDIA_TYPE.test(mediaType))) {
    const written = shortened(String(mediaType));
    throw new FledgeError("source", `${label}: "${written}", the type of ${digest}, is not a media type`);
  }
  const platform = platformOf(item.platform);
  const artifactType = stringOf(item.artifactType);
  return {
    mediaType,
    digest,
    size,
    ...(platform && { platform }),
    ...(artifactType && { artifactType }),
    annotations: annotationsOf(item.annotations),
  };
}

/** Undefined too where it says nothing. */
function platformOf(value: unknown): Platform | undefined {
  const platform = objectOf(value) ?? {};
  const os = stringOf(platform.os) ?? "";
  const architecture = stringOf(platform.architecture) ?? "";
  const variant = stringOf(platform.variant);
  if (os === "" && architecture === "") return undefined;
  return { os: os || "linux", architecture, ...(variant && { variant }) };
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
