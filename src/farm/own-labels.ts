import { formatPlatform, hostPlatform } from "../lib/platform.ts";
import { checkRequirement, type Machine, type Requirement } from "../lib/process/requirements.ts";
import { engineRequirement } from "../sources/engines/engines.ts";
import { BUILDERS } from "../sources/engines/options.ts";

const ROOT: Requirement = { kind: "root", reason: "build what is mounted for it" };

/**
 * What a worker on this machine can do beside what all can: its platform, root's work, Dockerfiles. Builders count that
 * answer, a client without its daemon does not; they are asked at once, and each has 10 s.
 */
export async function ownLabels(machine: Machine): Promise<string[]> {
  const wanted = [ROOT, ...BUILDERS.map((builder) => engineRequirement({ builder }))];
  const [root, ...engines] = await Promise.all(wanted.map((requirement) => checkRequirement(requirement, machine)));
  const builders = BUILDERS.filter((_, index) => engines[index]?.isMet);
  return [
    formatPlatform(hostPlatform()),
    ...(root?.isMet ? ["root"] : []),
    ...(builders.length > 0 ? ["builder", ...builders.map((name) => `builder:${name}`)] : []),
  ];
}
