import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { RunContext } from "../lib/context.ts";
import { type Digest, sha256 } from "../lib/digest.ts";
import { FledgeError } from "../lib/errors.ts";
import { writeFileAtomically } from "../lib/files/atomic.ts";
import { ioError } from "../lib/files/io-error.ts";
import { DEFAULT_IMAGE_LIMITS } from "../registry/limits.ts";
import type { Descriptor } from "../registry/manifest.ts";
import type { RegistriesOptions } from "../registry/options.ts";
import type { RegistryReference } from "../registry/reference.ts";
import { readReferrers } from "../registry/referrers.ts";
import { type ImageStorage, readBlob, readManifest } from "../registry/storage.ts";
import type { Uploads } from "../registry/upload.ts";
import { EMPTY_CONFIG, fileName, MANIFEST_TYPE, referrerManifest, TITLE } from "./format.ts";
import { inMemory, type Progress } from "./progress.ts";

/** A file that says something of a plugin, and its media type: `application/spdx+json`. */
export type Attachment = { readonly path: string; readonly type: string };

/** They are read into memory. */
const MOST_BYTES = 64 * 2 ** 20;

/** Pushes a file as a manifest of its own that names the plugin's as its subject (image-spec 1.1, "subject"). */
export async function attach(
  { path, type }: Attachment,
  subject: Pick<Descriptor, "digest" | "size" | "mediaType">,
  uploads: Uploads,
  progress: Progress,
): Promise<void> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw ioError(error, "read", path);
  });
  if (bytes.length > MOST_BYTES) {
    throw new FledgeError("usage", `${path} is too large to be attached: ${bytes.length} bytes, at most ${MOST_BYTES}`);
  }
  await progress.put(uploads, inMemory(EMPTY_CONFIG), 0);
  await progress.put(uploads, inMemory(bytes), 0);
  const layer = { mediaType: type, digest: sha256(bytes), size: bytes.length, title: basename(path) };
  await uploads.putReferrer(subject.digest, referrerManifest(layer, subject), {
    mediaType: MANIFEST_TYPE,
    artifactType: type,
    annotations: { [TITLE]: layer.title },
  });
}

/** A file that was attached to a plugin; `path` is absolute. */
export type Attached = { readonly path: string; readonly type: string; readonly digest: Digest };

/** Writes what is attached to a manifest into a folder. Two files of one name are an error, as is a name that is none. */
export async function pullAttachments(
  from: RegistryReference,
  { subject, storage, outDir }: { readonly subject: Digest; readonly storage: ImageStorage; readonly outDir: string },
  registries: RegistriesOptions,
  ctx: RunContext,
): Promise<readonly Attached[]> {
  const written = new Map<string, Attached>();
  for (const { digest } of await readReferrers(from, subject, { registries, patience: {} }, ctx)) {
    const { manifest } = await readManifest(storage, digest, undefined);
    if (manifest.kind !== "image") continue;
    for (const layer of manifest.layers) {
      const name = fileName(layer.annotations[TITLE]);
      if (name === undefined || written.has(name)) {
        ctx.warn({ message: `${digest}, which is attached, is left out: it has no name for its file, or another's` });
        continue;
      }
      const bytes = await readBlob(storage, layer, { ...DEFAULT_IMAGE_LIMITS, maxDocumentBytes: MOST_BYTES });
      const path = join(outDir, name);
      await writeFileAtomically(path, bytes).catch((error: unknown) => {
        throw ioError(error, "write", path);
      });
      written.set(name, { path, type: layer.mediaType, digest: layer.digest });
    }
  }
  return [...written.values()];
}
