import { type Descriptor, type ImageManifest, INDEX_TYPES, MANIFEST_TYPES } from "../../registry/manifest.ts";

// What is stored beside images: signatures, attestations, SBOMs, charts. image-spec, "Guidelines for Artifact Usage".

const IMAGE_CONFIGS = ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];
const EMPTY = "application/vnd.oci.empty.v1+json";
/** Says nothing of what it is. */
const GENERIC = ["", "application/octet-stream", "application/json"];

/** What `cosign save` writes beside an image, whose own kinds are `image` and `imageIndex`. */
const COSIGN_KIND = /^dev\.cosignproject\.cosign\/(?!image)/;
/** The names of what belongs to an image, as cosign and the distribution-spec's referrers have them. */
const REFERRER_NAME = /(?:^|:)sha256-[0-9a-f]{64}(?:\.\w+)?$/;

/** Whether an entry of an index may be an image, by what the index says of it. */
export function mayBeImage({ mediaType, artifactType = "", platform, annotations }: Descriptor): boolean {
  if (platform?.os === "unknown" || platform?.architecture === "unknown") return false;
  if (annotations["vnd.docker.reference.type"] !== undefined) return false;
  if (COSIGN_KIND.test(annotations.kind ?? "")) return false;
  if (REFERRER_NAME.test(annotations["org.opencontainers.image.ref.name"] ?? "")) return false;
  if (artifactType !== "" && !IMAGE_CONFIGS.includes(artifactType)) return false;
  return GENERIC.includes(mediaType) || MANIFEST_TYPES.includes(mediaType) || INDEX_TYPES.includes(mediaType);
}

/** What a manifest is of when it is of no image: the type of an artifact; undefined for an image. */
export function artifactIn({ config, layers, artifactType }: ImageManifest): string | undefined {
  const [first] = layers;
  const isOpen = GENERIC.includes(config.mediaType) || IMAGE_CONFIGS.includes(config.mediaType);
  const type = artifactType ?? (isOpen ? undefined : config.mediaType);
  if (config.mediaType === EMPTY) return artifactType ?? first?.mediaType ?? EMPTY;
  if (first !== undefined && !layers.some(({ mediaType }) => isFilesystem(mediaType))) return type ?? first.mediaType;
  if (IMAGE_CONFIGS.includes(config.mediaType)) return undefined;
  return layers.some(({ mediaType }) => OWN_LAYER.test(mediaType) || GENERIC.includes(mediaType)) ? undefined : type;
}

const OWN_LAYER = /^application\/vnd\.(?:oci|docker)\.(?:container\.)?image\./;

/** Whether a layer of this type may be part of a root filesystem. */
export function isFilesystem(mediaType: string): boolean {
  return GENERIC.includes(mediaType) || OWN_LAYER.test(mediaType) || /[./+-]g?tar(?:[.+-]|$)/.test(mediaType);
}
