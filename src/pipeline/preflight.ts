import { readFileSync } from "node:fs";
import { labelOf, type ResolvedPlugin } from "../contract/plugin.ts";
import { machineObjection } from "../guest/executables.ts";
import { assertInitFile } from "../guest/init/install.ts";
import { assertMapped } from "../guest/mappings/apply.ts";
import { FledgeError, type Problem } from "../lib/errors.ts";
import { checkRequirement, type Machine, type RequirementCheck } from "../lib/process/requirements.ts";
import { type Elf, readElf } from "../rootfs/elf.ts";
import { assertOutputs } from "./overwrites.ts";
import type { Plan } from "./plan.ts";
import { localPath } from "./watched.ts";

/**
 * Throws a `config` error for files of the project that are missing or would be written over, a `tool` or `privilege` error for what the plan needs
 * and this machine lacks; all of it at once.
 */
export async function preflight(plan: Plan, machine: Machine): Promise<void> {
  const { plugin, requirements } = plan;
  assertProjectFiles(plugin);
  await assertOutputs(plan);
  assertMachines(plugin);
  const checks = await Promise.all(requirements.map((requirement) => checkRequirement(requirement, machine)));
  const unmet = checks.filter(({ isMet }) => !isMet);
  if (unmet.length === 0) return;
  const isOnlyRoot = unmet.every(({ kind }) => kind === "root");
  throw new FledgeError(isOnlyRoot ? "privilege" : "tool", `${labelOf(plugin)} cannot be built here`, {
    problems: unmet.map(problemOf),
  });
}

/** Hooks and stages may make what is mapped, so where there are some, it is looked for when it is needed. */
function assertProjectFiles(plugin: ResolvedPlugin): void {
  if (plugin.hooks.length > 0 || plugin.stages.length > 0) return;
  assertMapped(plugin.mappings);
  if (plugin.strategy === "initramfs") assertInitFile(plugin.init);
}

/** Throws a `config` error for a BusyBox or an agent of this machine that is for another one than the guest. */
function assertMachines(plugin: ResolvedPlugin): void {
  const { agent, baseDir, platform } = plugin;
  const programs = {
    ...(plugin.strategy === "initramfs" && plugin.busybox !== undefined && { busybox: plugin.busybox }),
    ...(agent !== undefined && !("release" in agent) && { agent }),
  };
  const problems = Object.entries(programs).flatMap(([key, from]): Problem[] => {
    const path = localPath(from, baseDir);
    const elf = path === undefined ? undefined : elfOf(path);
    const objection = elf && machineObjection(elf, platform.architecture);
    if (objection === undefined) return [];
    return [{ message: `${key}: ${path} ${objection.why}`, hint: `name one for linux/${platform.architecture}` }];
  });
  const [first] = problems;
  if (first === undefined) return;
  if (problems.length === 1) throw new FledgeError("config", first.message, first);
  throw new FledgeError("config", `programs of ${labelOf(plugin)} are for another machine`, { problems });
}

/** What cannot be read is reported where it is needed. */
function elfOf(path: string): Elf | undefined {
  try {
    const file = readFileSync(path);
    return readElf((offset, length) => file.subarray(offset, offset + length));
  } catch {
    return undefined;
  }
}

function problemOf({ problem, reason, fix, instead }: RequirementCheck): Problem {
  const remedies = [fix, instead].filter((text) => text !== undefined);
  return { message: `${problem}; needed to ${reason}`, ...(remedies.length > 0 && { hint: remedies.join(", or ") }) };
}
