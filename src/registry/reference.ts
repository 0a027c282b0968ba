import { type Digest, parseDigest } from "../lib/digest.ts";
import { FledgeError } from "../lib/errors.ts";

/** An image in a registry. Without a tag and a digest it means `latest`, which parsing fills in. */
export type RegistryReference = {
  readonly kind: "registry";
  /** `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly registry: string;
  /** `library/nginx`. */
  readonly repository: string;
  readonly tag?: string;
  /** Decides when a tag is there too. */
  readonly digest?: Digest;
};

/** An image in the store of a container engine: by a reference of its own, or an image ID. */
export type StoreReference = {
  readonly kind: "store";
  readonly store: "docker-daemon" | "containers-storage";
  readonly name: string;
};

/** What an image may be written as: a registry's, or a file or folder with the prefix that skopeo knows it by. */
export type SourceReference =
  | RegistryReference
  | StoreReference
  | { readonly kind: "layout"; readonly path: string; readonly tag?: string }
  | { readonly kind: "archive"; readonly path: string; readonly tag?: string; readonly format: "oci" | "docker" };

// distribution/reference: domain, path-component, tag.
const DOMAIN_LABEL = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const DOMAIN = new RegExp(`^(?:${DOMAIN_LABEL}(?:\\.${DOMAIN_LABEL})*|\\[[0-9a-fA-F:]+\\])(?::\\d+)?$`);
const REPOSITORY = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;

const EXAMPLES = 'for instance "nginx:alpine", or "registry.example.org/team/app:1.2"';

const DEFAULT_REGISTRY = "docker.io";
const MAX_NAME_LENGTH = 255;

/**
 * Reads `nginx:alpine`, `registry:5000/team/app@sha256:...`, `docker://REF`, `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`,
 * `docker-archive:FILE[:REF]`, `docker-daemon:REF` and `containers-storage:REF`. Throws a `config` error with a hint for anything else.
 */
export function parseReference(text: string): SourceReference {
  const input = text.trim();
  const prefix = /^([a-z][a-z-]*):(?=\/\/|.)/.exec(input)?.[1];
  const rest = prefix === undefined ? input : input.slice(prefix.length + 1);
  switch (prefix) {
    case "docker":
      // `docker:24` is an image of that name.
      return rest.startsWith("//") ? parseRegistryReference(rest.slice(2), text) : parseRegistryReference(input, text);
    case "oci":
      return { kind: "layout", ...parsePathAndTag(rest, text) };
    case "oci-archive":
      return { kind: "archive", format: "oci", ...parsePathAndTag(rest, text) };
    case "docker-archive":
      return { kind: "archive", format: "docker", ...parsePathAndTag(rest, text) };
    case "docker-daemon":
    case "containers-storage":
      return { kind: "store", store: prefix, name: parseStoreName(rest, text) };
    default:
      if (/^https?:\/\//.test(input)) throw malformed(text, "it is a URL", "leave out http:// and https://");
      return parseRegistryReference(input, text);
  }
}

/** `registry/repository[:tag][@digest]`, the registry always there. */
export function formatReference(reference: RegistryReference): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  const digest = reference.digest === undefined ? "" : `@${reference.digest}`;
  return `${reference.registry}/${reference.repository}${tag}${digest}`;
}

function parseRegistryReference(input: string, text: string): RegistryReference {
  const [beforeDigest = "", digestText, ...more] = input.split("@");
  if (more.length > 0) throw malformed(text, "it has more than one @");
  const colon = beforeDigest.lastIndexOf(":");
  const hasTag =
    colon > beforeDigest.lastIndexOf("/") && !(beforeDigest.startsWith("[") && !beforeDigest.includes("/"));
  const name = hasTag ? beforeDigest.slice(0, colon) : beforeDigest;
  const tag = hasTag ? beforeDigest.slice(colon + 1) : undefined;
  if (tag !== undefined && !TAG.test(tag)) {
    throw malformed(text, `"${tag}" is not a tag`, "a tag has letters, digits, _, . and -, at most 128 of them");
  }
  if (digestText !== undefined && !digestText.startsWith("sha256:")) {
    throw malformed(text, "its digest is not a sha256", "write NAME@sha256: followed by 64 hex digits");
  }
  const digest = digestText === undefined ? undefined : parseDigest(digestText, `image "${text}"`);
  return {
    kind: "registry",
    ...splitName(name, text),
    ...(tag !== undefined ? { tag } : digest === undefined && { tag: "latest" }),
    ...(digest !== undefined && { digest }),
  };
}

/** Docker's rule: the first part is a registry when it has a dot or a colon or is `localhost`. */
function splitName(name: string, text: string): { registry: string; repository: string } {
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const isRegistry = /[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase();
  const domain = isRegistry ? first : DEFAULT_REGISTRY;
  const registry = domain === "index.docker.io" ? DEFAULT_REGISTRY : domain;
  const path = isRegistry ? name.slice(slash + 1) : name;
  const repository = registry === DEFAULT_REGISTRY && !path.includes("/") ? `library/${path}` : path;
  if (!DOMAIN.test(registry)) throw malformed(text, `"${registry}" is not the name of a registry`);
  if (path === "") throw malformed(text, "it names no image", EXAMPLES);
  if (!REPOSITORY.test(repository) || repository.length + registry.length >= MAX_NAME_LENGTH) {
    const lower = path.toLowerCase();
    const hint = path !== lower && REPOSITORY.test(lower) ? `names are lower case: "${lower}"` : undefined;
    throw malformed(text, `"${path}" is not the name of an image`, hint ?? EXAMPLES);
  }
  return { registry, repository };
}

/** Without a tag it means `latest`; left out, docker would save every tag there is. */
function parseStoreName(rest: string, text: string): string {
  if (/^(?:sha256:)?[0-9a-f]{12,64}$/.test(rest)) return rest;
  const reference = parseRegistryReference(rest, text);
  return reference.tag === "latest" && !rest.endsWith(":latest") ? `${rest}:latest` : rest;
}

function parsePathAndTag(rest: string, text: string): { path: string; tag?: string } {
  // skopeo's rule: the first colon ends the path. What follows may be a whole reference (`image.tar:nginx:alpine`).
  const colon = rest.indexOf(":");
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  if (path === "") throw malformed(text, "it names no file or folder");
  return { path, ...(tag && { tag }) };
}

function malformed(text: string, why: string, hint?: string): FledgeError {
  return new FledgeError("config", `"${text}" is not an image reference: ${why}`, { hint });
}
