import { type Digest, digestFrom, sha256 } from "../lib/digest.ts";
import { FledgeError } from "../lib/errors.ts";
import type { Descriptor, ImageManifest } from "../registry/manifest.ts";

// A plugin as an OCI artifact (image-spec 1.1, manifest.md, "Guidelines for Artifact Usage"), one for each platform:
//   config   the empty one
//   layers   the artifact: an archive as it is, or a disk in pieces of CHUNK_BYTES, each a gzip member, so that what any
//            other client fetches and puts together is a gzip of the disk; then Volant's manifest
// The artifact as a whole is described by annotations of the manifest.

export const ARTIFACT_TYPE = "application/vnd.volant.plugin.v1";
export const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
export const INDEX_TYPE = "application/vnd.oci.image.index.v1+json";

const PLUGIN_MANIFEST_TYPE = "application/vnd.volant.plugin.manifest.v1+json";
const CHUNK = /^application\/vnd\.volant\.plugin\.rootfs\.v1\.[\w.-]+\+gzip$/;
const WHOLE = /^application\/vnd\.volant\.plugin\.initramfs\.v1\.cpio(\+\w+)?$/;

/** How much of a disk is one layer: what is sent again when it breaks, and not again when it is there. */
export const CHUNK_BYTES = 32 * 2 ** 20;

/** The annotation that is a file's name, for all clients. */
export const TITLE = "org.opencontainers.image.title";
const ARTIFACT_TITLE = "vnd.volant.plugin.artifact.title";
const ARTIFACT_DIGEST = "vnd.volant.plugin.artifact.digest";
const ARTIFACT_SIZE = "vnd.volant.plugin.artifact.size";

/** The config of an artifact that has none. */
export const EMPTY_CONFIG = Buffer.from("{}");
const EMPTY_DESCRIPTOR = { mediaType: "application/vnd.oci.empty.v1+json", digest: sha256(EMPTY_CONFIG), size: 2 };

/** What a plugin's parts are called and hold. */
export type PluginFacts = {
  readonly name: string;
  readonly version: string;
  readonly artifact: { readonly title: string; readonly digest: Digest; readonly sizeBytes: number };
};

/** A layer as it stands in an OCI manifest. */
export type Layer = Omit<Descriptor, "annotations"> & { readonly title: string };

/** The layer of a piece of a disk; `count` is of all pieces. */
export function chunkLayer(
  { artifact }: PluginFacts,
  filesystem: string,
  piece: Pick<Layer, "digest" | "size"> & { readonly index: number; readonly count: number },
): Layer {
  const width = String(piece.count - 1).length;
  const number = piece.count === 1 ? "" : `.${String(piece.index).padStart(width, "0")}`;
  return {
    mediaType: `application/vnd.volant.plugin.rootfs.v1.${filesystem}+gzip`,
    digest: piece.digest,
    size: piece.size,
    title: `${artifact.title}.gz${number}`,
  };
}

/** The layer of an archive, as it is. */
export function archiveLayer({ artifact }: PluginFacts): Layer {
  const codec = /\.cpio\.(\w+)$/.exec(artifact.title)?.[1];
  const suffix = { gz: "+gzip", zst: "+zstd", xz: "+xz", lz4: "+lz4" }[codec ?? ""] ?? "";
  const { digest, sizeBytes: size, title } = artifact;
  return { mediaType: `application/vnd.volant.plugin.initramfs.v1.cpio${suffix}`, digest, size, title };
}

/** The layer of Volant's manifest. */
export function manifestLayer(title: string, bytes: Uint8Array): Layer {
  return { mediaType: PLUGIN_MANIFEST_TYPE, digest: sha256(bytes), size: bytes.length, title };
}

/** The OCI manifest of a container image, to the byte. */
export function imageManifest(config: Uint8Array, layers: readonly Omit<Layer, "title">[]): Buffer {
  const document = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: sha256(config), size: config.length },
    layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
  };
  return Buffer.from(JSON.stringify(document));
}

/** The OCI manifest of a file that says something of another manifest, to the byte. */
export function referrerManifest(
  { title, mediaType, digest, size }: Layer,
  subject: Pick<Descriptor, "digest" | "size" | "mediaType">,
): Buffer {
  const document = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    artifactType: mediaType,
    config: EMPTY_DESCRIPTOR,
    layers: [{ mediaType, digest, size, annotations: { [TITLE]: title } }],
    subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
    annotations: { [TITLE]: title },
  };
  return Buffer.from(JSON.stringify(document));
}

/** The OCI manifest of one platform's plugin, to the byte. */
export function ociManifest({ name, version, artifact }: PluginFacts, layers: readonly Layer[]): Buffer {
  const document = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    artifactType: ARTIFACT_TYPE,
    config: EMPTY_DESCRIPTOR,
    layers: layers.map(({ title, mediaType, digest, size }) => ({
      mediaType,
      digest,
      size,
      annotations: { [TITLE]: title },
    })),
    annotations: {
      [TITLE]: name,
      "org.opencontainers.image.version": version,
      [ARTIFACT_TITLE]: artifact.title,
      [ARTIFACT_DIGEST]: artifact.digest,
      [ARTIFACT_SIZE]: String(artifact.sizeBytes),
    },
  };
  return Buffer.from(JSON.stringify(document));
}

/** An index of the platforms of a plugin, or of the images made of it, to the byte. */
export function ociIndex(
  entries: readonly Pick<Descriptor, "digest" | "size" | "platform">[],
  { isPlugin }: { readonly isPlugin: boolean },
): Buffer {
  const type = isPlugin ? { artifactType: ARTIFACT_TYPE } : {};
  const manifests = entries.map(({ digest, size, platform }) => ({
    mediaType: MANIFEST_TYPE,
    ...type,
    digest,
    size,
    platform,
  }));
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX_TYPE, ...type, manifests }));
}

/** What a pushed plugin is made of. */
export type PushedPlugin = {
  readonly artifact: PluginFacts["artifact"];
  /** In order; each is a gzip of its own where `isChunked`, and else the one that there is is the artifact itself. */
  readonly parts: readonly Descriptor[];
  readonly isChunked: boolean;
  readonly manifest: Descriptor & { readonly title: string };
};

/** Reads an OCI manifest as one of a plugin. Throws a `source` error that calls it `label`. */
export function pluginIn({ layers, artifactType, annotations }: ImageManifest, label: string): PushedPlugin {
  const bad = (why: string): FledgeError =>
    new FledgeError("source", `${label} is no plugin that fledge has pushed: ${why}`, {
      hint: "fledge push pushes plugins; an image to build from is named in the config, as source.image",
    });
  if (artifactType !== ARTIFACT_TYPE) throw bad(`its artifactType is ${artifactType ?? "not given"}`);
  const parts = layers.filter(({ mediaType }) => CHUNK.test(mediaType) || WHOLE.test(mediaType));
  const manifest = layers.find(({ mediaType }) => mediaType === PLUGIN_MANIFEST_TYPE);
  const isChunked = parts.every(({ mediaType }) => CHUNK.test(mediaType));
  if (manifest === undefined || parts.length === 0 || (!isChunked && parts.length > 1)) {
    throw bad("it has not the layers of one");
  }
  const title = fileName(annotations[ARTIFACT_TITLE]);
  const manifestTitle = fileName(manifest.annotations[TITLE]);
  const sizeBytes = Number(annotations[ARTIFACT_SIZE]);
  const digest = digestFrom(annotations[ARTIFACT_DIGEST] ?? "");
  if (title === undefined || manifestTitle === undefined || title === manifestTitle)
    throw bad("its files have no names");
  if (digest === undefined || !Number.isSafeInteger(sizeBytes) || sizeBytes <= 0) {
    throw bad("it does not say what its artifact is");
  }
  return { artifact: { title, digest, sizeBytes }, parts, isChunked, manifest: { ...manifest, title: manifestTitle } };
}

/** What may be the name of a file in the folder that a pull writes to. */
export function fileName(title: string | undefined): string | undefined {
  return title !== undefined && /^[A-Za-z0-9][\w.+ -]{0,200}$/.test(title) ? title : undefined;
}
