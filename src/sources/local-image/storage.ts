import { type Digest, digestFrom, hexOf } from "../../lib/digest.ts";
import { FledgeError } from "../../lib/errors.ts";
import { formatPlatform } from "../../lib/platform.ts";
import { listed } from "../../lib/shortened.ts";
import type { DocumentLimits } from "../../registry/limits.ts";
import { type Descriptor, type ImageIndex, INDEX_TYPES, parseManifest } from "../../registry/manifest.ts";
import { type ImageStorage, readManifest } from "../../registry/storage.ts";
import { chooseImage, isWhole, platformIn } from "../oci/choose.ts";
import { artifactIn, mayBeImage } from "../oci/kinds.ts";
import { type Candidate, choicesHint, usableNames, withTag } from "../oci/names.ts";
import type { ResolveOptions } from "../oci/resolve.ts";
import { type FileSet, readDocument } from "./files.ts";

// image-spec, image-layout.md: index.json names the images, blobs/sha256/HEX holds everything else.
export const INDEX = "index.json";
const REF_NAME = "org.opencontainers.image.ref.name";
/** What containerd and `docker save` add: the whole reference, where REF_NAME is the tag alone. */
const CONTAINERD_NAME = "io.containerd.image.name";

/** An entry of a layout's index: one image, or one for several platforms, by all of its names. */
type Entry = Candidate & { readonly descriptor: Descriptor };

/** An image layout as a place that blobs come from. Throws a `source` error for what is missing in it. */
export function layoutStorage(files: FileSet, limits: DocumentLimits | undefined): ImageStorage {
  const has = async (digest: Digest): Promise<boolean> => (await files.size(blobName(digest))) !== undefined;
  return {
    label: files.label,
    places: 1,
    has,
    async manifest(name) {
      const digest = digestFrom(name);
      const bytes = digest && (await readDocument(files, blobName(digest), limits));
      if (bytes === undefined) throw absent(files, name);
      return { bytes };
    },
    async *blob({ digest }) {
      if (!(await has(digest))) throw absent(files, digest);
      yield* files.read(blobName(digest));
    },
  };
}

/** The `index.json` of a layout; undefined where there is none. */
export async function readLayoutIndex(
  files: FileSet,
  limits: DocumentLimits | undefined,
): Promise<ImageIndex | undefined> {
  const bytes = await readDocument(files, INDEX, limits);
  if (bytes === undefined) return undefined;
  const [servedAs] = INDEX_TYPES;
  const index = parseManifest(bytes, `${INDEX} of ${files.label}`, { servedAs, limits });
  if (index.kind === "index") return index;
  throw new FledgeError("source", `${INDEX} of ${files.label} is the manifest of one image, not an index`);
}

/** The digest of the manifest or index that a layout means by a tag; without one there must be no choice to make. */
export async function findInLayout(files: FileSet, tag: string | undefined, options: ResolveOptions): Promise<Digest> {
  const index = await readLayoutIndex(files, options.limits);
  if (index === undefined) {
    throw new FledgeError("source", `${files.label} is not an OCI image layout: it has no ${INDEX}`);
  }
  const storage = layoutStorage(files, options.limits);
  const all = entriesOf(index.manifests);
  if (tag !== undefined) {
    const named = withTag(all, tag);
    if (named.length === 0) throw nothing(files, `no image with the tag "${tag}"`, all);
    return chooseEntry(named, index, { storage, files, options });
  }
  const images = all.filter(({ descriptor }) => mayBeImage(descriptor));
  if (images.length === 0) throw index.odd[0]?.why ?? nothing(files, whatElse(index.manifests), []);
  return chooseEntry(images, index, { storage, files, options });
}

type Place = { readonly storage: ImageStorage; readonly files: FileSet; readonly options: ResolveOptions };

async function chooseEntry(entries: readonly Entry[], index: ImageIndex, place: Place): Promise<Digest> {
  const [first, ...others] = entries;
  if (first !== undefined && others.length === 0) return first.digest;
  const images = await withoutArtifacts(entries, place);
  const [image, ...more] = images;
  if (image !== undefined && more.length === 0) return image.digest;
  const platforms = new Set(images.map(({ platform }) => (platform === undefined ? "" : formatPlatform(platform))));
  const isOneImage = new Set(images.map(({ names }) => names.join("\n"))).size === 1;
  // Several entries under one name are one image for several platforms.
  if (isOneImage && platforms.size === images.length) {
    const manifests = images.map(({ descriptor }) => descriptor);
    return (await chooseImage(place.storage, { ...index, manifests }, place.options)).digest;
  }
  throw nothing(place.files, `${images.length} images`, images);
}

/**
 * What remains when those that are no image on closer look, that belong to another, or that are not there do not count; all
 * of them when nothing would. Each with its platform, if it is of one image.
 */
async function withoutArtifacts(entries: readonly Entry[], { storage, options }: Place): Promise<Entry[]> {
  const images: Entry[] = [];
  const belonging: Entry[] = [];
  for (const entry of entries) {
    if (!mayBeImage(entry.descriptor) || !(await isWhole(storage, entry.descriptor, options.limits))) continue;
    const { manifest } = await readManifest(storage, entry.digest, options.limits);
    if (manifest.kind === "index") images.push(entry);
    else if (artifactIn(manifest) === undefined) {
      const platform = entry.platform ?? (await platformIn(storage, manifest, options.limits));
      (manifest.hasSubject ? belonging : images).push({ ...entry, platform });
    }
  }
  return images.length > 0 ? images : belonging.length > 0 ? belonging : [...entries];
}

/** One for each digest, with all of its names. */
function entriesOf(manifests: readonly Descriptor[]): Entry[] {
  const entries = new Map<Digest, Entry>();
  for (const descriptor of manifests) {
    const { digest, annotations, platform } = descriptor;
    const known = entries.get(digest);
    const names = usableNames([...(known?.names ?? []), annotations[REF_NAME], annotations[CONTAINERD_NAME]]);
    entries.set(
      digest,
      known === undefined ? { descriptor, digest, names, ...(platform && { platform }) } : { ...known, names },
    );
  }
  return [...entries.values()];
}

function whatElse(manifests: readonly Descriptor[]): string {
  const types = manifests.map(
    ({ artifactType, annotations, mediaType }) => artifactType ?? annotations.kind ?? mediaType,
  );
  return types.length === 0 ? "no image" : `no image, but ${listed([...new Set(types)])}`;
}

function nothing(files: FileSet, what: string, choices: readonly Candidate[]): FledgeError {
  return new FledgeError("source", `${files.label} has ${what}`, { hint: choicesHint(choices) });
}

function blobName(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

function absent(files: FileSet, digest: string): FledgeError {
  return new FledgeError("source", `${files.label} has no blob ${digest}`, {
    hint: "it is incomplete: copy the image again",
  });
}
