import { relative } from "node:path";
import { formatTree } from "consola/utils";
import { labelOf } from "../../contract/plugin.ts";
import { describeRequirement, type Requirement } from "../../lib/process/requirements.ts";
import type { LockStatus } from "../../lock/status.ts";
import type { Plan } from "../../pipeline/plan.ts";
import { bold, cyan, gray, line, Shown, shown } from "../terminal.ts";
import { statusLines } from "./lock.ts";

/** The plan as data: what `fledge plan --json` prints. */
export function planData(
  { plugin, stages, inputs, requirements, outputs, launch, warnings }: Plan,
  lock: LockStatus,
): object {
  const { name, version, strategy, platform, notes } = plugin;
  return {
    name,
    version,
    strategy,
    platform,
    inputs,
    lock,
    stages: stages.map(({ name, phase, kind, title, origins }) => ({
      name,
      phase,
      kind,
      title,
      ...(origins && { origins }),
    })),
    outputs,
    ...(launch !== undefined && { launch }),
    requirements: requirements.map((requirement) => ({ kind: requirement.kind, needs: neededBy(requirement) })),
    notes,
    warnings,
  };
}

/** The plan as a tree for people. */
export function planLines(
  { plugin, stages, inputs, requirements, outputs, launch, warnings }: Plan,
  lock: LockStatus,
): Shown[] {
  const needs = requirements.map(neededBy);
  const branches: [title: string, leaves: (string | Shown)[]][] = [
    ["inputs", inputs.map(({ what, from, pinned }) => `${what}: ${from}${pinned === undefined ? "" : ` (${pinned})`}`)],
    ["held to", statusLines(lock)],
    [
      "stages",
      stages.map(
        ({ name, title, origins }) => line`${bold`${name}`}  ${title}${origins ? ` (${origins.join(", ")})` : ""}`,
      ),
    ],
    [
      "outputs",
      [relative("", outputs.artifact), ...(outputs.manifest === undefined ? [] : [relative("", outputs.manifest)])],
    ],
    ["launch", launch === undefined ? [] : [launch.command, ...(launch.note === undefined ? [] : [launch.note])]],
    ["needs", needs.length > 0 ? needs : ["nothing but Node"]],
    [
      "decided for you",
      plugin.notes.map(({ key, value, from }) => line`${key} = ${JSON.stringify(value)}  ${gray`${from}`}`),
    ],
    ["warnings", warnings.map(({ message }) => message)],
  ];
  const children = branches
    .filter(([, leaves]) => leaves.length > 0)
    .map(([title, leaves]) => ({ text: cyan`${title}`.text, children: leaves.map(leaf) }));
  const root = line`${bold`${labelOf(plugin)}`} ${plugin.version} (${plugin.strategy})`;
  return formatTree([{ text: root.oneLine.text, children }])
    .trimEnd()
    .split("\n")
    .map((text) => new Shown(text));
}

function leaf(text: string | Shown): { text: string } {
  return { text: (typeof text === "string" ? shown(text) : text).oneLine.text };
}

/** `mkfs.xfs, to make the filesystem` */
function neededBy(requirement: Requirement): string {
  const { what, reason } = describeRequirement(requirement);
  return `${what}, to ${reason}`;
}
