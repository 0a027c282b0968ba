import { basename, dirname } from "node:path";
import type { Env } from "../../lib/context.ts";
import { ARCHIVE, type BuildRequest, type Engine, REASON, secretSpec } from "./engine.ts";

/** BuildKit by its own client, which has no Debian package; it writes the archive itself. */
export function buildkit(address?: string): Engine {
  const to = (env: Env): string[] => {
    const at = address ?? env.FLEDGE_BUILDKIT_ADDR;
    return at === undefined || at === "" ? [] : [`--addr=${at}`];
  };
  return {
    name: "buildkit",
    tool: {
      name: "buildctl",
      reason: REASON,
      instead: "install it from github.com/moby/buildkit",
      ready: { argv: (env) => [...to(env), "debug", "workers"], fix: "start buildkitd and set FLEDGE_BUILDKIT_ADDR" },
    },
    build: (request, env) => [
      ...to(env),
      "build",
      ...frontend(request),
      `--output=${output(request)}`,
      "--progress=plain",
    ],
  };
}

function frontend({ dockerfile, context, target, buildArgs, secrets, platform, epochSec }: BuildRequest): string[] {
  const args = { ...(epochSec !== undefined && { SOURCE_DATE_EPOCH: String(epochSec) }), ...buildArgs };
  return [
    "--frontend=dockerfile.v0",
    `--local=context=${context}`,
    `--local=dockerfile=${dirname(dockerfile)}`,
    `--opt=filename=${basename(dockerfile)}`,
    `--opt=platform=${platform}`,
    ...(target === undefined ? [] : [`--opt=target=${target}`]),
    ...Object.entries(args).map(([name, value]) => `--opt=build-arg:${name}=${value}`),
    ...secrets.map((secret) => `--secret=${secretSpec(secret)}`),
  ];
}

function output({ epochSec }: BuildRequest): string {
  return `type=oci,dest=${ARCHIVE}${epochSec === undefined ? "" : ",rewrite-timestamp=true"}`;
}
