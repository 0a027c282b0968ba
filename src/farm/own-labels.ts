import type { Env } from "../lib/context.ts";
import { formatPlatform, hostPlatform } from "../lib/platform.ts";
import { findOnPath } from "../lib/process/tools.ts";

/** The programs behind the names that `source.builder` takes. */
const BUILDERS: Readonly<Record<string, string>> = {
  buildkit: "buildctl",
  docker: "docker",
  podman: "podman",
  buildah: "buildah",
};

/** What a worker on this machine can do beside what all can: its platform, root's work, Dockerfiles. */
export function ownLabels(env: Env, userId: number | undefined): string[] {
  const builders = Object.keys(BUILDERS).filter((name) => findOnPath(BUILDERS[name] ?? "", env) !== undefined);
  return [
    formatPlatform(hostPlatform()),
    ...(userId === 0 ? ["root"] : []),
    ...(builders.length > 0 ? ["builder", ...builders.map((name) => `builder:${name}`)] : []),
  ];
}
