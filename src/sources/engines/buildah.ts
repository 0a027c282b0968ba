import { type BuildRequest, ID_FILE, ownTag, REASON, type StoringEngine, secretsAndArgs } from "./engine.ts";

/** buildah; an image of cached layers stays without a name in its store, where it is the last of them. */
export const buildah: StoringEngine = {
  name: "buildah",
  tool: {
    name: "buildah",
    reason: REASON,
    package: "buildah",
    ready: { argv: () => ["info"], fix: "buildah info" },
  },
  build: buildArguments,
  tag: tagOfUncached,
  untag: (tag) => ["rmi", tag],
  // Compressing the layers would only be undone.
  save: (image, archive) => ["push", "--disable-compression", image, `oci-archive:${archive}`],
  leftovers: {
    store: ["info", "--format={{.store.GraphRoot}}\n{{.store.GraphDriverName}}"],
    remove: (id) => ["rm", id],
  },
};

/** Podman; as buildah keeps images, so does it. */
export const podman: StoringEngine = {
  name: "podman",
  tool: {
    name: "podman",
    reason: REASON,
    package: "podman",
    ready: { argv: () => ["info"], fix: "podman info" },
  },
  build: buildArguments,
  tag: tagOfUncached,
  untag: (tag) => ["rmi", "--no-prune", tag],
  // Compressing the layers would only be undone.
  save: (image, archive) => ["save", "--format=oci-archive", "--uncompressed", `--output=${archive}`, image],
  leftovers: {
    store: ["info", "--format={{.Store.GraphRoot}}\n{{.Store.GraphDriverName}}"],
    remove: (id) => ["rm", "--force", id],
  },
};

/** Without a cache the image is of no more use once it is saved. */
function tagOfUncached(request: BuildRequest): string | undefined {
  return request.isCacheable ? undefined : ownTag(request);
}

/** `build` of buildah and of podman, which is the same library. */
function buildArguments(request: BuildRequest): string[] {
  const { dockerfile, context, target, platform, epochSec, isCacheable } = request;
  const tag = tagOfUncached(request);
  return [
    "build",
    `--layers=${isCacheable}`,
    ...(tag === undefined ? [] : [`--tag=${tag}`]),
    "--force-rm=true",
    `--iidfile=${ID_FILE}`,
    `--file=${csvField(dockerfile)}`,
    `--platform=${platform}`,
    ...(target === undefined ? [] : [`--target=${target}`]),
    ...(epochSec === undefined ? [] : [`--timestamp=${epochSec}`]),
    `--secret=${MARK}`,
    ...secretsAndArgs(request),
    context,
  ];
}

/**
 * A secret that no Dockerfile asks for: the folder of this build. The library writes its path into the record of each
 * container it works in, and nowhere else: that tells the containers of this build from those of any other.
 */
const MARK = "id=fledge-build,src=.";

/** The flag takes a list with commas between, in the notation of CSV (RFC 4180). */
function csvField(text: string): string {
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
