import { readFile, writeFile } from "node:fs/promises";
import type { RunContext } from "../lib/context.ts";
import { type Digest, digestFrom, sha256 } from "../lib/digest.ts";
import { FledgeError, isFledgeError, type Problem, withHint } from "../lib/errors.ts";
import { readBody } from "../lib/network/http.ts";
import { ensureBlob } from "../store/blobs.ts";
import { streamBlob } from "./blob-stream.ts";
import { Endpoint, type EndpointOptions, type Place } from "./endpoint.ts";
import { DEFAULT_IMAGE_LIMITS, type DocumentLimits } from "./limits.ts";
import { INDEX_TYPES, MANIFEST_TYPES, parseManifest } from "./manifest.ts";
import { placesOf } from "./mirrors.ts";
import type { RegistryReference } from "./reference.ts";
import { formatReference } from "./reference.ts";
import { checkDigest, type ImageStorage } from "./storage.ts";
import type { Words } from "./words.ts";

// Old registries convert to schema 1 unless they are told what is understood; that one is listed for the error it gets.
const ACCEPT = [...MANIFEST_TYPES, ...INDEX_TYPES, "application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.1"];

type Served = { readonly bytes: Uint8Array; readonly mediaType: string | undefined };

/** A repository, asked for at its mirrors first, then at its registry. */
export function openRepository(
  reference: RegistryReference,
  { limits = DEFAULT_IMAGE_LIMITS, ...options }: EndpointOptions & { readonly limits?: DocumentLimits | undefined },
  ctx: RunContext,
): ImageStorage {
  const { registry } = reference;
  const endpoints = placesOf(reference, options.registries, ctx.env).map((place) => new Endpoint(place, options, ctx));
  return {
    label: formatReference(reference),
    places: endpoints.length,
    manifest: (name) => firstOf(endpoints, (endpoint) => readManifest(endpoint, name, limits), { registry, ctx }),
    keep: (digest, fetch) => keepDocument(digest, fetch, ctx),
    blob: (descriptor, place) => streamBlob(endpoints.slice(place), descriptor, ctx),
  };
}

/** Through the cache: what was pinned can be built again when the registry is gone. */
async function keepDocument(digest: Digest, fetch: () => Promise<Uint8Array>, ctx: RunContext): Promise<Uint8Array> {
  const { path } = await ensureBlob(ctx, digest, async (to) => {
    const bytes = await fetch();
    await writeFile(to, bytes);
    return sha256(bytes);
  });
  return readFile(path);
}

/** The first place's answer; of failures the last one counts, which is the registry's own, and those of mirrors explain it. */
async function firstOf<T>(
  endpoints: readonly Endpoint[],
  ask: (endpoint: Endpoint) => Promise<T>,
  { registry, ctx }: { readonly registry: string; readonly ctx: RunContext },
): Promise<T> {
  const mirrors: Problem[] = [];
  for (const [i, endpoint] of endpoints.entries()) {
    try {
      return await ask(endpoint);
    } catch (error) {
      if (!isFledgeError(error) || error.code === "aborted") throw error;
      if (i === endpoints.length - 1) throw unanswered(error, registry, mirrors);
      const message = `mirror ${endpoint.place.host}: ${error.message}`;
      ctx.log(message);
      mirrors.push({ message, ...(error.hint !== undefined && { hint: error.hint }) });
    }
  }
  throw new FledgeError("internal", "a repository without a place");
}

/** What was not there is as wrong as before; what could not be asked for may be elsewhere. */
function unanswered(failed: FledgeError, registry: string, mirrors: readonly Problem[]): FledgeError {
  const error = failed.code === "download" && mirrors.length === 0 ? withHint(failed, otherPlaces(registry)) : failed;
  const { code, message, hint, cause, problems } = error;
  return new FledgeError(code, message, { hint, cause, problems: [...problems, ...mirrors] });
}

function otherPlaces(registry: string): string {
  return `FLEDGE_REGISTRY_MIRRORS=${registry}=HOST names a mirror, source.archive or source.layout an image of this machine`;
}

async function readManifest(endpoint: Endpoint, name: string, limits: DocumentLimits): Promise<Served> {
  const response = await endpoint.get(`manifests/${name}`, { accept: ACCEPT.join(", ") }, [404]);
  if (response.status === 404) {
    throw missing(endpoint.place, name, await endpoint.words(response));
  }
  const bytes = await readBody(response, limits.maxDocumentBytes);
  const mediaType = response.headers["content-type"]?.split(";")[0]?.trim();
  const label = `manifest ${name} of ${endpoint.place.host}/${endpoint.place.repository}`;
  // Checked here too, so that a mirror that is wrong does not keep the registry from being asked.
  const expected = digestFrom(name);
  if (expected !== undefined) checkDigest(bytes, expected, label);
  parseManifest(bytes, label, { servedAs: mediaType, limits });
  return { bytes, mediaType };
}

/** A registry may tell whether it is the repository that it does not know, or what is looked for in it. */
function missing({ host, repository }: Place, name: string, { codes, text }: Words): FledgeError {
  const shown = digestFrom(name) === undefined ? `${repository}:${name}` : `${repository}@${name}`;
  const said = text === undefined ? "" : ` (${text})`;
  const [what, hint] = codes.includes("NAME_UNKNOWN")
    ? [`no repository ${repository}, and so no image ${shown}`, "check the name of the image"]
    : codes.includes("MANIFEST_UNKNOWN")
      ? [`no image ${shown}, though it may have others in ${repository}`, "check the tag, or the digest"]
      : [`no image ${shown}`, "check its name and tag"];
  return new FledgeError("source", `${host} has ${what}${said}`, { hint });
}
