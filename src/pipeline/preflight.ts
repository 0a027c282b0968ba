import type { ResolvedPlugin } from "../config/resolve/plugin.ts";
import { assertInitFile } from "../guest/init/install.ts";
import { assertMapped } from "../guest/mappings/apply.ts";
import { FledgeError, type Problem } from "../lib/errors.ts";
import { checkRequirement, type Machine, type RequirementCheck } from "../lib/requirements.ts";
import { assertOutputs } from "./overwrites.ts";
import type { Plan } from "./plan.ts";

/**
 * Throws a `config` error for files of the project that are missing or would be written over, a `tool` or `privilege` error for what the plan needs
 * and this machine lacks; all of it at once.
 */
export async function preflight(plan: Plan, machine: Machine): Promise<void> {
  const { plugin, requirements } = plan;
  assertProjectFiles(plugin);
  await assertOutputs(plan);
  const checks = await Promise.all(requirements.map((requirement) => checkRequirement(requirement, machine)));
  const unmet = checks.filter(({ isMet }) => !isMet);
  if (unmet.length === 0) return;
  const isOnlyRoot = unmet.every(({ kind }) => kind === "root");
  throw new FledgeError(isOnlyRoot ? "privilege" : "tool", `${plugin.name} cannot be built here`, {
    problems: unmet.map(problemOf),
  });
}

/** Hooks and stages may make what is mapped, so where there are some, it is looked for when it is needed. */
function assertProjectFiles(plugin: ResolvedPlugin): void {
  if (plugin.hooks.length > 0 || plugin.stages.length > 0) return;
  assertMapped(plugin.mappings);
  if (plugin.strategy === "initramfs") assertInitFile(plugin.init);
}

function problemOf({ problem, reason, fix, instead }: RequirementCheck): Problem {
  const remedies = [fix, instead].filter((text) => text !== undefined);
  return { message: `${problem}; needed to ${reason}`, ...(remedies.length > 0 && { hint: remedies.join(", or ") }) };
}
