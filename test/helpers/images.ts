import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type Digest, hexOf, sha256 } from "../../src/lib/digest.ts";
import type { Descriptor } from "../../src/registry/manifest.ts";
import { tar } from "./tar-writer.ts";

export type TestDescriptor = Pick<Descriptor, "mediaType" | "digest" | "size" | "platform">;

/** A manifest or index and everything below it, in memory. */
export type TestImage = {
  readonly descriptor: TestDescriptor;
  readonly manifest: Buffer;
  readonly config: TestDescriptor;
  readonly layers: readonly TestDescriptor[];
  readonly diffIds: readonly Digest[];
  readonly blobs: ReadonlyMap<Digest, Buffer>;
};

export type ImageOptions = {
  /** Uncompressed archives, the bottom one first. */
  readonly layers: readonly Buffer[];
  /** Default gzip. */
  readonly compress?: (archive: Buffer) => Buffer;
  readonly architecture?: string;
  readonly variant?: string;
  readonly config?: object;
  /** Docker's media types instead of OCI's. */
  readonly docker?: boolean;
  readonly diffIds?: readonly Digest[];
};

/** An image made by code. */
export function makeImage(options: ImageOptions): TestImage {
  const { layers, compress = gzipSync, architecture = "amd64", variant, docker = false } = options;
  const blobs = new Map<Digest, Buffer>();
  const put = (mediaType: string, bytes: Buffer): TestDescriptor => {
    const digest = sha256(bytes);
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const types = docker ? DOCKER : OCI;
  const diffIds = options.diffIds ?? layers.map((layer) => sha256(layer));
  const platform = { os: "linux", architecture, ...(variant !== undefined && { variant }) };
  const config = put(
    types.config,
    json({
      created: "2024-01-01T00:00:00Z",
      ...platform,
      config: options.config ?? {},
      rootfs: { type: "layers", diff_ids: diffIds },
    }),
  );
  const descriptors = layers.map((layer) => put(types.layer, compress(layer)));
  const manifest = json({ schemaVersion: 2, mediaType: types.manifest, config, layers: descriptors });
  const descriptor = { ...put(types.manifest, manifest), platform };
  return { descriptor, manifest, config, layers: descriptors, diffIds, blobs };
}

/** An index of images for several platforms. */
export function makeIndex(images: readonly TestImage[]): Omit<TestImage, "config" | "layers" | "diffIds"> {
  const manifest = json({ schemaVersion: 2, mediaType: OCI.index, manifests: images.map((image) => image.descriptor) });
  const descriptor = { mediaType: OCI.index, digest: sha256(manifest), size: manifest.length };
  const blobs = new Map(images.flatMap((image) => [...image.blobs]));
  return { descriptor, manifest, blobs: blobs.set(descriptor.digest, manifest) };
}

/** Writes an OCI image layout; a tag may be left out. */
export function writeImages(
  folder: string,
  images: readonly { readonly tag?: string; readonly image: Pick<TestImage, "descriptor" | "blobs"> }[],
): void {
  const blobs = join(folder, "blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  const manifests = images.map(({ tag, image }) => {
    for (const [digest, bytes] of image.blobs) writeFileSync(join(blobs, hexOf(digest)), bytes);
    return {
      ...image.descriptor,
      ...(tag !== undefined && { annotations: { "org.opencontainers.image.ref.name": tag } }),
    };
  });
  writeFileSync(join(folder, "index.json"), json({ schemaVersion: 2, manifests }));
  writeFileSync(join(folder, "oci-layout"), json({ imageLayoutVersion: "1.0.0" }));
}

/** Two small layers: the upper one changes a file of the lower one and hides another. */
export function sampleLayers(text = "upper"): Buffer[] {
  return [
    tar(
      { name: "etc/", type: "5", mtime: 1000 },
      { name: "etc/a", data: "lower", mtime: 1000 },
      { name: "etc/gone", data: "x".repeat(5000), mtime: 1000 },
      { name: "bin/", type: "5", mtime: 1000 },
      { name: "bin/tool", data: "#!/bin/sh\n", mode: 0o4755, uid: 7, gid: 8, mtime: 1000 },
      { name: "bin/again", type: "1", linkname: "bin/tool", mtime: 1000 },
    ),
    tar({ name: "etc/a", data: text, mtime: 2000 }, { name: "etc/.wh.gone", mtime: 2000 }),
  ];
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

const OCI = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
};

const DOCKER = {
  manifest: "application/vnd.docker.distribution.manifest.v2+json",
  config: "application/vnd.docker.container.image.v1+json",
  layer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
};
