import { createHash } from "node:crypto";
import { type Digest, digestFrom, digestOf, sha256 } from "../lib/digest.ts";
import { FledgeError, isFledgeError } from "../lib/errors.ts";
import { tooLarge } from "./json.ts";
import { DEFAULT_IMAGE_LIMITS, type DocumentLimits } from "./limits.ts";
import { type Descriptor, type Manifest, parseManifest } from "./manifest.ts";

/** Where the parts of an image come from: a registry, a layout folder, an archive. */
export type ImageStorage = {
  /** What errors call the image: `nginx:alpine`. */
  readonly label: string;
  /** A manifest by tag or digest; one asked for by digest has that digest. */
  manifest(name: string): Promise<{ readonly bytes: Uint8Array; readonly mediaType?: string | undefined }>;
  /** Content from its first byte, not verified. `place` counts from 0. */
  blob(descriptor: Descriptor, place: number): AsyncIterable<Uint8Array>;
  /** How many places a blob may come from: the mirrors and the registry. */
  readonly places: number;
  /** Keeps manifests and configs for later builds, by digest. Left out where they are at hand anyway. */
  readonly keep?: (digest: Digest, fetch: () => Promise<Uint8Array>) => Promise<Uint8Array>;
  /** Whether there is such a blob, where that is soon told; what has all that it lists leaves it out. */
  readonly has?: (digest: Digest) => Promise<boolean>;
};

/** A document and what it says. */
export type StoredManifest<M extends Manifest = Manifest> = {
  readonly digest: Digest;
  readonly manifest: M;
};

/** The manifest or index of a tag or digest, verified when it is a digest. */
export async function readManifest(
  storage: ImageStorage,
  name: string,
  limits: DocumentLimits | undefined,
): Promise<StoredManifest> {
  const label = `manifest ${name} of ${storage.label}`;
  const expected = digestFrom(name);
  let servedAs: string | undefined;
  const fetch = async (): Promise<Uint8Array> => {
    const { bytes, mediaType } = await storage.manifest(name);
    servedAs = mediaType;
    if (expected !== undefined) checkDigest(bytes, expected, label);
    return bytes;
  };
  const isKept = expected !== undefined && storage.keep !== undefined;
  const bytes = isKept ? await storage.keep(expected, fetch) : await fetch();
  const digest = expected ?? sha256(bytes);
  if (!isKept) await storage.keep?.(digest, async () => bytes);
  return { digest, manifest: parseManifest(bytes, label, { servedAs, limits }) };
}

/** A whole config in memory, verified. Throws what `storage` throws, and a `checksum` error for wrong bytes. */
export async function readBlob(
  storage: ImageStorage,
  descriptor: Descriptor,
  { maxDocumentBytes }: DocumentLimits = DEFAULT_IMAGE_LIMITS,
): Promise<Uint8Array> {
  const label = `blob ${descriptor.digest} of ${storage.label}`;
  const fetch = (): Promise<Uint8Array> => fetchBlob(storage, descriptor, label);
  if (descriptor.size > maxDocumentBytes) throw tooLarge(label, descriptor.size, maxDocumentBytes);
  return storage.keep === undefined ? fetch() : storage.keep(descriptor.digest, fetch);
}

async function fetchBlob(storage: ImageStorage, descriptor: Descriptor, label: string): Promise<Uint8Array> {
  for (let place = 0; ; place++) {
    try {
      return await readVerified(storage.blob(descriptor, place), descriptor, label);
    } catch (error) {
      if (!isFledgeError(error) || error.code === "aborted" || place + 1 >= storage.places) throw error;
    }
  }
}

/** Throws a `checksum` error when a document is not the one that was asked for. */
export function checkDigest(bytes: Uint8Array, expected: Digest, label: string): void {
  const actual = sha256(bytes);
  if (actual !== expected) throw wrongBytes(`${label} has the digest ${actual} instead of ${expected}`);
}

async function readVerified(
  stream: AsyncIterable<Uint8Array>,
  { digest, size }: Descriptor,
  label: string,
): Promise<Uint8Array> {
  const hash = createHash("sha256");
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > size) throw wrongBytes(`${label} has more than ${size} bytes`);
    hash.update(chunk);
    chunks.push(chunk);
  }
  if (bytes !== size) throw wrongBytes(`${label} has ${bytes} bytes instead of ${size}`);
  const actual = digestOf(hash);
  if (actual !== digest) throw wrongBytes(`${label} has the digest ${actual}`);
  return Buffer.concat(chunks);
}

function wrongBytes(message: string): FledgeError {
  return new FledgeError("checksum", message, {
    hint: "nothing of it is kept; if it happens again the registry, mirror or file is damaged",
  });
}
