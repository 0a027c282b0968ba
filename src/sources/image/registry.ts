import { readFile, writeFile } from "node:fs/promises";
import type { RunContext } from "../../lib/context.ts";
import { type Digest, sha256 } from "../../lib/digest.ts";
import { FledgeError, isFledgeError, type Problem, withHint } from "../../lib/errors.ts";
import { readBody } from "../../lib/http.ts";
import { ensureBlob } from "../../store/blobs.ts";
import { INDEX_TYPES, MANIFEST_TYPES, MAX_MANIFEST_BYTES, parseManifest } from "../oci/manifest.ts";
import { checkDigest, type ImageStorage } from "../oci/storage.ts";
import type { RegistryReference } from "../reference.ts";
import { formatReference } from "../reference.ts";
import { streamBlob } from "./blob-stream.ts";
import { Endpoint, type EndpointOptions, type Place } from "./endpoint.ts";
import { placesOf } from "./mirrors.ts";

// Old registries convert to schema 1 unless they are told what is understood; that one is listed for the error it gets.
const ACCEPT = [...MANIFEST_TYPES, ...INDEX_TYPES, "application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.1"];

type Served = { readonly bytes: Uint8Array; readonly mediaType: string | undefined };

/** A repository, asked for at its mirrors first, then at its registry. */
export function openRepository(reference: RegistryReference, options: EndpointOptions, ctx: RunContext): ImageStorage {
  const { registry } = reference;
  const endpoints = placesOf(reference, options.registries, ctx.env).map((place) => new Endpoint(place, options, ctx));
  return {
    label: formatReference(reference),
    places: endpoints.length,
    manifest: (name) => firstOf(endpoints, (endpoint) => readManifest(endpoint, name), { registry, ctx }),
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
function unanswered(error: FledgeError, registry: string, mirrors: readonly Problem[]): FledgeError {
  const { code, message, hint, cause, problems } =
    error.code === "download" && mirrors.length === 0 ? withHint(error, otherPlaces(registry)) : error;
  return new FledgeError(code, message, { hint, cause, problems: [...problems, ...mirrors] });
}

function otherPlaces(registry: string): string {
  return `FLEDGE_REGISTRY_MIRRORS=${registry}=HOST names a mirror, source.archive or source.layout an image of this machine`;
}

async function readManifest(endpoint: Endpoint, name: string): Promise<Served> {
  const response = await endpoint.get(`manifests/${name}`, { accept: ACCEPT.join(", ") }, [404]);
  if (response.status === 404) {
    await response.discard();
    throw missing(endpoint.place, name);
  }
  const bytes = await readBody(response, MAX_MANIFEST_BYTES);
  const mediaType = response.headers["content-type"]?.split(";")[0]?.trim();
  const label = `manifest ${name} of ${endpoint.place.host}/${endpoint.place.repository}`;
  // Checked here too, so that a mirror that is wrong does not keep the registry from being asked.
  if (name.startsWith("sha256:")) checkDigest(bytes, name as Digest, label);
  parseManifest(bytes, label, mediaType);
  return { bytes, mediaType };
}

function missing({ host, repository }: Place, name: string): FledgeError {
  const shown = name.startsWith("sha256:") ? `${repository}@${name}` : `${repository}:${name}`;
  return new FledgeError("source", `${host} has no image ${shown}`, { hint: "check its name and tag" });
}
