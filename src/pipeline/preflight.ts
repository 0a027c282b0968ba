import { FledgeError, type Problem } from "../lib/errors.ts";
import { checkRequirement, type Machine, type RequirementCheck } from "../lib/requirements.ts";
import type { Plan } from "./plan.ts";

/** Throws a `tool` or `privilege` error for what the plan needs and this machine lacks; all of it at once. */
export async function preflight({ plugin, requirements }: Plan, machine: Machine): Promise<void> {
  const checks = await Promise.all(requirements.map((requirement) => checkRequirement(requirement, machine)));
  const unmet = checks.filter(({ isMet }) => !isMet);
  if (unmet.length === 0) return;
  const isOnlyRoot = unmet.every(({ kind }) => kind === "root");
  throw new FledgeError(isOnlyRoot ? "privilege" : "tool", `${plugin.name} cannot be built here`, {
    hint: [...new Set(unmet.map(({ fix }) => fix).filter((fix) => fix !== undefined))].join("; ") || undefined,
    problems: unmet.map(problemOf),
  });
}

function problemOf({ problem, reason, instead }: RequirementCheck): Problem {
  return { message: `${problem}; needed to ${reason}`, ...(instead !== undefined && { hint: `or ${instead}` }) };
}
