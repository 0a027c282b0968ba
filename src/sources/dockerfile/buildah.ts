import { type BuildRequest, idFile, REASON, type StoringEngine, secretsAndArgs } from "./engine.ts";

/** buildah; the image stays without a name in its store, where it is the last layer of the cache. */
export const buildah: StoringEngine = {
  name: "buildah",
  tool: {
    name: "buildah",
    reason: REASON,
    package: "buildah",
    ready: { argv: () => ["info"], fix: "buildah info" },
  },
  build: buildArguments,
  // Compressing the layers would only be undone.
  save: (image, archive) => ["push", "--disable-compression", image, `oci-archive:${archive}`],
  leftovers: {
    store: ["info", "--format={{.store.GraphRoot}}\n{{.store.GraphDriverName}}"],
    remove: (id) => ["rm", id],
  },
};

/** `build` of buildah and of podman, which is the same library. */
export function buildArguments(request: BuildRequest): string[] {
  const { dockerfile, context, target, platform, epochSec } = request;
  return [
    "build",
    "--layers=true",
    "--force-rm=true",
    `--iidfile=${idFile(request)}`,
    `--file=${dockerfile}`,
    `--platform=${platform}`,
    ...(target === undefined ? [] : [`--target=${target}`]),
    ...(epochSec === undefined ? [] : [`--timestamp=${epochSec}`]),
    `--secret=${markOf(request)}`,
    ...secretsAndArgs(request),
    context,
  ];
}

/**
 * A secret that no Dockerfile asks for. The library writes it into the record of each container it works in, and nowhere
 * else: that tells the containers of this build from those of any other.
 */
function markOf(request: BuildRequest): string {
  return `id=fledge-build,src=${request.folder}`;
}
