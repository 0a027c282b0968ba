import { type Digest, hexOf } from "../../lib/digest.ts";
import { FledgeError } from "../../lib/errors.ts";
import { formatPlatform, type Platform } from "../../lib/platform.ts";
import { type Descriptor, MAX_MANIFEST_BYTES, parseManifest } from "../oci/manifest.ts";
import { choose } from "../oci/resolve.ts";
import type { ImageStorage } from "../oci/storage.ts";
import { type FileSet, readDocument } from "./files.ts";

// image-spec, image-layout.md: index.json names the images, blobs/sha256/HEX holds everything else.
const INDEX = "index.json";
const REF_NAME = "org.opencontainers.image.ref.name";
/** What containerd and `docker save` add: the whole reference, where REF_NAME is the tag alone. */
const CONTAINERD_NAME = "io.containerd.image.name";

/** An image layout as a place that blobs come from. Throws a `source` error for what is missing in it. */
export function layoutStorage(files: FileSet): ImageStorage {
  return {
    label: files.label,
    places: 1,
    async manifest(name) {
      const bytes = await readDocument(files, blobName(name as Digest), MAX_MANIFEST_BYTES);
      if (bytes === undefined) throw absent(files, name);
      return { bytes };
    },
    async *blob({ digest }) {
      if ((await files.size(blobName(digest))) === undefined) throw absent(files, digest);
      yield* files.read(blobName(digest));
    },
  };
}

/** The digest of the manifest or index that a layout means by a tag; without one there must be no choice to make. */
export async function findInLayout(
  files: FileSet,
  tag: string | undefined,
  platform: Platform | undefined,
): Promise<Digest> {
  const bytes = await readDocument(files, INDEX, MAX_MANIFEST_BYTES);
  if (bytes === undefined) {
    throw new FledgeError("source", `${files.label} is not an OCI image layout: it has no ${INDEX}`);
  }
  const index = parseManifest(bytes, `${INDEX} of ${files.label}`, "application/vnd.oci.image.index.v1+json");
  const all = index.kind === "index" ? index.manifests : [];
  const named = tag === undefined ? all : all.filter((item) => namesOf(item).includes(tag));
  const [first, ...others] = named;
  if (first === undefined) {
    const what = tag === undefined ? "no image" : `no image with the tag "${tag}"`;
    throw new FledgeError("source", `${files.label} has ${what}`, { hint: tagsHint(all) });
  }
  if (others.length === 0) return first.digest;
  const platforms = new Set(named.map((item) => (item.platform === undefined ? "" : formatPlatform(item.platform))));
  const isOneImage = new Set(named.map((item) => namesOf(item).join("\n"))).size === 1;
  // Several entries under one name are one image for several platforms.
  if (isOneImage && platforms.size === named.length) return choose(named, platform, files.label).digest;
  throw new FledgeError("source", `${files.label} has ${named.length} images`, { hint: tagsHint(named) });
}

function namesOf({ annotations }: Descriptor): string[] {
  return [annotations[REF_NAME], annotations[CONTAINERD_NAME]].filter((name) => name !== undefined);
}

function tagsHint(items: readonly Descriptor[]): string | undefined {
  const tags = [...new Set(items.flatMap(namesOf))];
  return tags.length === 0 ? undefined : `say which by its tag: ${tags.join(", ")}`;
}

function blobName(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

function absent(files: FileSet, digest: string): FledgeError {
  return new FledgeError("source", `${files.label} has no blob ${digest}`, {
    hint: "it is incomplete: copy the image again",
  });
}
