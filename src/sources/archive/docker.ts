import type { RunContext } from "../../lib/context.ts";
import { type Digest, sha256 } from "../../lib/digest.ts";
import { FledgeError } from "../../lib/errors.ts";
import { diffIdsOf, parseImageConfig } from "../image-config.ts";
import { type FileSet, readDocument } from "../layout/files.ts";
import { type JsonObject, objectOf, stringOf, stringsOf } from "../oci/json.ts";
import { MAX_MANIFEST_BYTES } from "../oci/manifest.ts";
import { checkPlatform, type ImageContents, type ResolveOptions } from "../oci/resolve.ts";
import { formatReference, parseReference } from "../reference.ts";

// Docker's image specification 1.2: manifest.json is an array of {Config, RepoTags, Layers}, each the name of a file in
// the archive. Old versions name layers HEX/layer.tar, newer ones blobs/sha256/HEX.
export const DOCKER_MANIFEST = "manifest.json";

/**
 * An image of a `docker save` archive. Its digest is that of its config, which is Docker's image ID: there is no manifest
 * with a digest in such an archive. Each layer is held to its diff_id.
 */
export async function openDockerArchive(
  files: FileSet,
  tag: string | undefined,
  options: ResolveOptions,
  ctx: RunContext,
): Promise<ImageContents> {
  const image = chooseImage(await readImages(files), tag, files.label);
  const name = stringOf(image.Config) ?? "";
  const bytes = await readDocument(files, name, MAX_MANIFEST_BYTES);
  if (bytes === undefined) throw new FledgeError("source", `${files.label} has no config "${name}"`);
  const digest = sha256(bytes);
  const hex = /([0-9a-f]{64})(?:\.json)?$/.exec(name)?.[1];
  if (hex !== undefined && digest !== `sha256:${hex}`) {
    throw new FledgeError("checksum", `the config ${name} of ${files.label} has the digest ${digest}`, {
      hint: "the archive is damaged: save the image again",
    });
  }
  const config = parseImageConfig(bytes, `the config of ${files.label}`);
  checkPlatform(config, options.platform, files.label, ctx);
  const diffIds = diffIdsOf(bytes, `the config of ${files.label}`);
  const layers = stringsOf(image.Layers);
  if (layers.length !== diffIds.length) {
    throw new FledgeError("source", `${files.label} has ${layers.length} layers, but its config ${diffIds.length}`);
  }
  return {
    digest,
    config,
    layers: layers.map((layer, i) => ({
      label: `layer ${layer} of ${files.label}`,
      diffId: diffIds[i] as Digest,
      limits: options.limits,
      open: () => files.read(layer),
    })),
  };
}

async function readImages(files: FileSet): Promise<JsonObject[]> {
  const bytes = await readDocument(files, DOCKER_MANIFEST, MAX_MANIFEST_BYTES);
  if (bytes === undefined) {
    throw new FledgeError("source", `${files.label} is not a docker archive: it has no ${DOCKER_MANIFEST}`, {
      hint: "a tar of a root filesystem is named by source.tar",
    });
  }
  try {
    const list: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    if (Array.isArray(list)) return list.map(objectOf).filter((item) => item !== undefined);
  } catch {}
  throw new FledgeError("source", `${DOCKER_MANIFEST} of ${files.label} is not a JSON array`);
}

function chooseImage(images: readonly JsonObject[], tag: string | undefined, label: string): JsonObject {
  const named = tag === undefined ? images : images.filter((image) => stringsOf(image.RepoTags).some(sameAs(tag)));
  const [first, ...others] = named;
  if (first !== undefined && others.length === 0) return first;
  const tags = images.flatMap((image) => stringsOf(image.RepoTags)).join(", ");
  const what = first === undefined ? "no image" : `${named.length} images`;
  throw new FledgeError("source", `${label} has ${what}${tag === undefined ? "" : ` with the tag "${tag}"`}`, {
    hint: tags === "" ? undefined : `say which by its tag: ${tags}`,
  });
}

/** `nginx:alpine` and `docker.io/library/nginx:alpine` are the same. */
function sameAs(tag: string): (other: string) => boolean {
  const normal = (text: string): string => {
    try {
      const reference = parseReference(text);
      return reference.kind === "registry" ? formatReference(reference) : text;
    } catch {
      return text;
    }
  };
  const wanted = normal(tag);
  return (other) => normal(other) === wanted;
}
