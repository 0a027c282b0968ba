import type { RunContext } from "../../lib/context.ts";
import { type Digest, digestFromHex, sha256 } from "../../lib/digest.ts";
import { FledgeError } from "../../lib/errors.ts";
import { shortened } from "../../lib/shortened.ts";
import { objectOf, parseJsonValue, stringOf, stringsOf } from "../../registry/json.ts";
import type { DocumentLimits } from "../../registry/limits.ts";
import { diffIdsOf, parseImageConfig } from "../image-config.ts";
import { type Candidate, choicesHint, usableNames, withTag } from "../oci/names.ts";
import { checkLayerCount, checkPlatform, type ImageContents, type ResolveOptions } from "../oci/resolve.ts";
import { type FileSet, readDocument } from "./files.ts";

// Docker's image specification 1.2: manifest.json is an array of {Config, RepoTags, Layers}, each the name of a file in
// the archive. Old versions name layers HEX/layer.tar, newer ones blobs/sha256/HEX.
export const DOCKER_MANIFEST = "manifest.json";

type Entry = Candidate & { readonly config: string; readonly layers: readonly string[] };

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
  const { label } = files;
  const { limits } = options;
  const image = chooseEntry(await readEntries(files, limits), tag, label);
  const bytes = await readDocument(files, image.config, limits);
  if (bytes === undefined) throw new FledgeError("source", `${label} has no config "${image.config}"`);
  const digest = sha256(bytes);
  const named = digestIn(image.config);
  if (named !== undefined && digest !== named) {
    throw new FledgeError("checksum", `the config ${image.config} of ${label} has the digest ${digest}`, {
      hint: "the archive is damaged: save the image again",
    });
  }
  const config = parseImageConfig(bytes, `the config of ${label}`, limits);
  checkPlatform(config, options.platform, label, ctx);
  const diffIds = diffIdsOf(bytes, `the config of ${label}`, limits);
  const { layers } = image;
  checkLayerCount(layers.length, limits, label);
  if (layers.length !== diffIds.length) {
    throw new FledgeError("source", `${label} has ${layers.length} layers, but its config ${diffIds.length}`);
  }
  return {
    digest,
    config,
    layers: layers.map((layer, i) => {
      const diffId = diffIds[i];
      return {
        label: `layer ${layer} of ${label}`,
        ...(diffId !== undefined && { diffId }),
        limits,
        open: () => files.read(layer),
      };
    }),
  };
}

/** The images of an archive, each once, whatever number of names it has. */
async function readEntries(files: FileSet, limits: DocumentLimits | undefined): Promise<Entry[]> {
  const bytes = await readDocument(files, DOCKER_MANIFEST, limits);
  if (bytes === undefined) {
    throw new FledgeError("source", `${files.label} is not a docker archive: it has no ${DOCKER_MANIFEST}`, {
      hint: "a tar of a root filesystem is named by source.tar",
    });
  }
  const label = `${DOCKER_MANIFEST} of ${files.label}`;
  const list = parseJsonValue(bytes, label, limits);
  if (!Array.isArray(list)) throw new FledgeError("source", `${label} is not a JSON array`);
  const entries = new Map<string, Entry>();
  for (const item of list.map(objectOf).filter((one) => one !== undefined)) {
    const config = checkName(stringOf(item.Config) ?? "", label);
    const names = usableNames([...(entries.get(config)?.names ?? []), ...stringsOf(item.RepoTags)]);
    const layers = stringsOf(item.Layers).map((name) => checkName(name, label));
    entries.set(config, { config, names, layers, digest: digestIn(config) ?? sha256(config) });
  }
  return [...entries.values()];
}

/** The name of a file of the archive. Throws a `source` error for what leads elsewhere. */
function checkName(name: string, label: string): string {
  const isInside = name !== "" && !/[\0\\]|^\//.test(name) && !name.split("/").includes("..");
  if (isInside && name.length <= MAX_NAME_LENGTH) return name;
  throw new FledgeError("source", `${label} names "${shortened(name, 100)}", which is no file of an image archive`);
}

const MAX_NAME_LENGTH = 255;

/** `HEX.json` and `blobs/sha256/HEX` say what is in them. */
function digestIn(name: string): Digest | undefined {
  const hex = /([0-9a-f]{64})(?:\.json)?$/.exec(name)?.[1];
  return hex === undefined ? undefined : digestFromHex(hex);
}

function chooseEntry(entries: readonly Entry[], tag: string | undefined, label: string): Entry {
  const named = tag === undefined ? entries : withTag(entries, tag);
  const [first, ...others] = named;
  if (first !== undefined && others.length === 0) return first;
  const what = first === undefined ? "no image" : `${named.length} images`;
  throw new FledgeError("source", `${label} has ${what}${tag === undefined ? "" : ` with the tag "${tag}"`}`, {
    hint: choicesHint(first === undefined ? entries : named),
  });
}
