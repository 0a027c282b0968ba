import { ownTag, REASON, type StoringEngine, secretsAndArgs } from "./engine.ts";

/**
 * Docker, with or without buildx. The image goes through the daemon's store, since its default driver exports to nowhere
 * else; it has a name there for as long as that takes.
 */
export const docker: StoringEngine = {
  name: "docker",
  tool: {
    name: "docker",
    reason: REASON,
    package: "docker.io",
    ready: { argv: () => ["info"], fix: "sudo systemctl start docker" },
  },
  build: (request, env) => [
    "build",
    // Builders of buildx other than the daemon keep the image to themselves; the classic builder does not know the flag.
    ...(env.BUILDX_BUILDER ? ["--load"] : []),
    `--tag=${ownTag(request)}`,
    "--force-rm",
    `--file=${request.dockerfile}`,
    `--platform=${request.platform}`,
    ...(request.target === undefined ? [] : [`--target=${request.target}`]),
    ...secretsAndArgs(request),
    request.context,
  ],
  variables: ({ secrets }) => ({
    // Else buildx puts a record of the build into the image, which differs each time.
    BUILDX_NO_DEFAULT_ATTESTATIONS: "1",
    // The classic builder knows no secrets.
    ...(secrets.length > 0 && { DOCKER_BUILDKIT: "1" }),
  }),
  tag: ownTag,
  save: (image, archive) => ["save", `--output=${archive}`, image],
  untag: (tag) => ["image", "rm", "--no-prune", tag],
};
