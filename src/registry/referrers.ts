import type { RunContext } from "../lib/context.ts";
import { type Digest, hexOf } from "../lib/digest.ts";
import { FledgeError } from "../lib/errors.ts";
import { readBody } from "../lib/network/http.ts";
import { Endpoint, type EndpointOptions } from "./endpoint.ts";
import { DEFAULT_IMAGE_LIMITS } from "./limits.ts";
import { parseManifest } from "./manifest.ts";
import type { RegistryReference } from "./reference.ts";

const INDEX_TYPE = "application/vnd.oci.image.index.v1+json";

/** A manifest that says something about another one, as a list of them has it. */
export type Referrer = {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType: string;
  readonly annotations: Readonly<Record<string, string>>;
};

/**
 * What is attached to a manifest: the registry's own list (distribution-spec 1.1, "Listing Referrers"), or where it keeps
 * none, the index under the tag `sha256-HEX`.
 */
export async function readReferrers(
  { registry, repository }: RegistryReference,
  subject: Digest,
  options: EndpointOptions,
  ctx: RunContext,
): Promise<readonly Referrer[]> {
  const endpoint = new Endpoint({ host: registry, repository }, options, ctx);
  return (await readList(endpoint, `referrers/${subject}`)) ?? (await readList(endpoint, tagPath(subject))) ?? [];
}

/** Adds to the list under the tag, for a registry that keeps no list itself; whoever writes at the same time adds again. */
export async function tagReferrer(endpoint: Endpoint, subject: Digest, referrer: Referrer): Promise<void> {
  for (let tries = 0; tries < 5; tries++) {
    const known = (await readList(endpoint, tagPath(subject))) ?? [];
    if (known.some(({ digest }) => digest === referrer.digest)) return;
    const manifests = [...known, referrer].sort((a, b) => (a.digest < b.digest ? -1 : 1));
    const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests }));
    const headers = { "content-type": INDEX_TYPE };
    const response = await endpoint.send(tagPath(subject), { method: "PUT", headers, body });
    await response.discard();
  }
  throw new FledgeError("download", `${endpoint.place.host} does not keep what is attached to ${subject}`, {
    hint: "others may be attaching to it at the same time: try again",
  });
}

function tagPath(subject: Digest): string {
  return `manifests/sha256-${hexOf(subject)}`;
}

/** Undefined where the registry has no such list. */
async function readList(endpoint: Endpoint, path: string): Promise<readonly Referrer[] | undefined> {
  const response = await endpoint.get(path, { accept: INDEX_TYPE }, [400, 404, 405, 501]);
  if (response.status >= 400) {
    await response.discard();
    return undefined;
  }
  const bytes = await readBody(response, DEFAULT_IMAGE_LIMITS.maxDocumentBytes);
  const label = `what is attached at ${endpoint.place.host}/${endpoint.place.repository}`;
  const manifest = parseManifest(bytes, label, { servedAs: INDEX_TYPE });
  if (manifest.kind !== "index") return undefined;
  return manifest.manifests.map(({ artifactType = "", ...descriptor }) => ({ ...descriptor, artifactType }));
}
