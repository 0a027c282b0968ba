import { labelOf } from "../contract/plugin.ts";
import { CODECS } from "../imagers/cpio/codec.ts";
import { cpioImager } from "../imagers/cpio/index.ts";
import { COMPRESSIONS } from "../imagers/cpio/options.ts";
import { resolveExt4Options } from "../imagers/ext4/options.ts";
import { loopImager } from "../imagers/loop/index.ts";
import { resolveMountedOptions } from "../imagers/loop/options.ts";
import { squashfsImager } from "../imagers/squashfs/index.ts";
import { resolveSquashfsOptions } from "../imagers/squashfs/options.ts";
import { unpackers } from "../lib/decompress.ts";
import {
  checkRequirement,
  type Machine,
  type Requirement,
  type RequirementCheck,
} from "../lib/process/requirements.ts";
import { engineRequirement } from "../sources/engines/engines.ts";
import { STORES, storeRequirement } from "../sources/engines/store.ts";
import type { Plan } from "./plan.ts";

/** What a look at the machine found of one need. */
export type Finding = RequirementCheck & {
  /** False when the build may do without: it depends on what the source turns out to hold. */
  readonly isNeeded: boolean;
};

/** What one plugin, or one feature of fledge, needs, and whether this machine has it. */
export type Diagnosis = {
  /** The plugin's name, or what in a config asks for the feature. */
  readonly subject: string;
  readonly findings: readonly Finding[];
  /** Whether all that is needed is there. */
  readonly canRun: boolean;
};

/** Whether this machine has what a plan needs; unlike the check before a build, it looks at everything. */
export async function diagnosePlan({ plugin, requirements }: Plan, machine: Machine): Promise<Diagnosis> {
  const mayNeed = plugin.source !== undefined && !("dir" in plugin.source) ? unpackers() : [];
  return await diagnose(labelOf(plugin), { needed: requirements, perhaps: mayNeed }, machine);
}

/** The same for every feature of fledge that needs more than Node. */
export async function diagnoseAll(machine: Machine): Promise<Diagnosis[]> {
  const diagnoses: Diagnosis[] = [];
  for (const { subject, ...needs } of features()) diagnoses.push(await diagnose(subject, needs, machine));
  return diagnoses;
}

type Needs = { readonly needed?: readonly Requirement[]; readonly perhaps?: readonly Requirement[] };

async function diagnose(subject: string, { needed = [], perhaps = [] }: Needs, machine: Machine): Promise<Diagnosis> {
  const findings: Finding[] = [];
  // One after the other: each may start a program, and listens to the signal while that runs.
  for (const [requirements, isNeeded] of [[needed, true] as const, [perhaps, false] as const]) {
    for (const requirement of requirements) {
      findings.push({ ...(await checkRequirement(requirement, machine, { every: true })), isNeeded });
    }
  }
  return { subject, findings, canRun: findings.every(({ isMet, isNeeded }) => isMet || !isNeeded) };
}

function features(): (Needs & { readonly subject: string })[] {
  const codecs = COMPRESSIONS.filter((compression) => CODECS[compression].argv !== undefined);
  const squashfs = resolveSquashfsOptions({ type: "squashfs" });
  return [
    { subject: "layers and archives of a source", perhaps: unpackers() },
    { subject: "source.dockerfile", needed: [engineRequirement()] },
    ...STORES.map((store) => ({ subject: `source.image = "${store}:..."`, needed: [storeRequirement(store)] })),
    {
      subject: 'filesystem = { type = "ext4", engine = "loop" }',
      needed: loopImager("ext4").requirements({ ...resolveExt4Options({ type: "ext4" }, "any"), engine: "loop" }),
    },
    ...(["xfs", "btrfs"] as const).map((type) => ({
      subject: `filesystem.type = "${type}"`,
      needed: loopImager(type).requirements(resolveMountedOptions({ type }, "any")),
    })),
    ...codecs.map((compression) => ({
      subject: `archive.compression = "${compression}"`,
      needed: cpioImager.requirements({ compression }),
    })),
    {
      subject: 'filesystem.type = "squashfs"',
      needed: squashfsImager.requirements(squashfs),
      perhaps: squashfsImager.verifyRequirements?.(squashfs) ?? [],
    },
  ];
}
