import { FledgeError } from "../../lib/errors.ts";
import { chooseTool, type Machine, type ToolRequirement } from "../../lib/process/requirements.ts";
import { buildah, podman } from "./buildah.ts";
import { buildkit } from "./buildkit.ts";
import { docker } from "./docker.ts";
import type { Engine } from "./engine.ts";
import { BUILDERS, type BuilderName, type DockerfileOptions } from "./options.ts";

/** What of the options decides which engine builds. */
export type EngineChoice = Pick<DockerfileOptions, "builder" | "address">;

/** The engine to build with: the one that was asked for, or any. Throws a `config` error for an address of another than BuildKit. */
export function engineRequirement(choice: EngineChoice = {}): ToolRequirement {
  const [first, ...others] = candidates(choice).map(({ tool }) => tool);
  if (first === undefined) throw new FledgeError("internal", "there is no engine for Dockerfiles");
  if (others.length === 0) return { kind: "tool", anyOf: [first] };
  const instead = "install buildah, podman or docker, or start buildkitd and set FLEDGE_BUILDKIT_ADDR";
  // The one that needs no daemon and nothing set up.
  return { kind: "tool", anyOf: [{ ...first, instead }, ...others], advised: buildah.tool };
}

/** The first engine that can work on this machine. Throws a `tool` error that says why none can. */
export async function chooseEngine(
  choice: EngineChoice,
  machine: Machine,
): Promise<{ readonly engine: Engine; readonly path: string }> {
  const { tool, path } = await chooseTool(engineRequirement(choice), machine);
  const engine = candidates(choice).find((candidate) => candidate.tool.name === tool.name) as Engine;
  return { engine, path };
}

function candidates({ builder, address }: EngineChoice): Engine[] {
  if (address !== undefined && builder !== undefined && builder !== "buildkit") {
    throw new FledgeError("config", `source.address is of a BuildKit daemon, and source.builder is "${builder}"`, {
      hint: 'remove one of them, or write builder: "buildkit"',
    });
  }
  const engines: Readonly<Record<BuilderName, Engine>> = { buildkit: buildkit(address), docker, podman, buildah };
  const only = builder ?? (address === undefined ? undefined : "buildkit");
  return only === undefined ? BUILDERS.map((name) => engines[name]) : [engines[only]];
}
