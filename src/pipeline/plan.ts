import type { HookName } from "../contract/hooks.ts";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import type { Source } from "../contract/source.ts";
import type { Phase } from "../contract/stage.ts";
import { hiddenMappings } from "../guest/mappings/apply.ts";
import type { Warning } from "../lib/context.ts";
import type { Requirement } from "../lib/process/requirements.ts";
import { type LaunchCommand, launchCommand } from "../volant/commands.ts";
import { bootWarnings } from "../volant/kernels.ts";
import { networkWarnings } from "../volant/warnings.ts";
import { arrange } from "./arrange.ts";
import { originsOf } from "./fire.ts";
import { type BoundImager, bootMedium, headroomWarnings, imagerFor } from "./imager.ts";
import { type Input, inputsOf } from "./inputs.ts";
import { assertEntrypoint } from "./manifest-input.ts";
import { namingWarnings, type Outputs, outputsOf } from "./outputs.ts";
import type { PlannedStage } from "./planned-stage.ts";
import { manifestStage, publishStage } from "./stages/artifact.ts";
import { budgetStage } from "./stages/budget.ts";
import { checkStage } from "./stages/check.ts";
import { filesStage } from "./stages/files.ts";
import { agentStage, busyboxStage, initStage, mappingsStage, skeletonStage } from "./stages/guest.ts";
import { hooksStage } from "./stages/hooks.ts";
import { sealStage, verifyStage, writeStage } from "./stages/image.ts";
import { imageConfigStage, layersStage, pinStage, sourceOf } from "./stages/source.ts";

/** What to plan for, beside what the plugin says. */
export type PlanOptions = {
  /** Read the artifact back and compare it with the tree. Default false. */
  readonly verify?: boolean;
  /** Write the artifact also when it is there already, the same to the byte. Default false. */
  readonly force?: boolean;
  /** What is built is to be the new baseline of the budget: `budgets.growth` is not asked. Default false. */
  readonly baseline?: boolean;
  /** Where to write the listing of what is in the artifact, with digests and origins; an absolute path. */
  readonly files?: string;
};

/** What a build will do, as data: nothing has been fetched, run or written to find it out. */
export type Plan = {
  readonly plugin: ResolvedPlugin;
  readonly stages: readonly PlannedStage[];
  /** What is read from outside the config. */
  readonly inputs: readonly Input[];
  /** What the machine must have. */
  readonly requirements: readonly Requirement[];
  readonly outputs: Outputs;
  /** What makes a VM of it, where Volant's own kernel is not the one to boot. */
  readonly launch?: LaunchCommand;
  readonly warnings: readonly Warning[];
};

/** Plans a build. Pure: the same plugin and options give the same plan. */
export function plan(plugin: ResolvedPlugin, options: PlanOptions = {}): Plan {
  const imager = imagerFor(plugin);
  if (imager.isBootable) assertEntrypoint(plugin);
  const medium = bootMedium(plugin, imager);
  const launch = medium && launchCommand(plugin.name, medium);
  const outputs = outputsOf(plugin, imager);
  const source = sourceOf(plugin, outputs);
  return {
    plugin,
    stages: arrange(builtinStages(plugin, { source, imager, outputs, options }), plugin.stages),
    inputs: inputsOf(plugin),
    requirements: [
      ...(source?.requirements?.() ?? []),
      ...imager.requirements(),
      ...((options.verify && imager.verifyRequirements?.()) || []),
    ],
    outputs,
    ...(launch !== undefined && { launch }),
    warnings: [
      ...plugin.warnings,
      ...(medium === undefined ? [] : bootWarnings(medium)),
      ...headroomWarnings(plugin),
      ...networkWarnings(plugin.manifest.network?.mode),
      ...hiddenWarnings(plugin, imager),
      ...namingWarnings(plugin, imager),
    ],
  };
}

/** Mappings that are mounted over: by the init of an initramfs, by the agent on a disk, and by nobody in a tar. */
function hiddenWarnings(plugin: ResolvedPlugin, { isBootable }: BoundImager): Warning[] {
  if (!isBootable || (plugin.strategy === "initramfs" && plugin.init.mode === "none")) return [];
  return hiddenMappings(plugin.mappings, plugin.strategy === "initramfs" ? "init" : "agent");
}

type Parts = {
  readonly source: Source | undefined;
  readonly imager: BoundImager;
  readonly outputs: Outputs;
  readonly options: PlanOptions;
};

/** The whole build, in order. */
function builtinStages(plugin: ResolvedPlugin, { source, imager, outputs, options }: Parts): PlannedStage[] {
  const hooks = (name: HookName, phase: Phase, closesPhase = false): PlannedStage | undefined => {
    const origins = originsOf(plugin.hooks, name);
    return origins.length > 0 ? hooksStage(name, phase, origins, plugin.hooks, closesPhase) : undefined;
  };
  const stages: (PlannedStage | undefined)[] = [
    hooks("config:resolved", "source"),
    pinStage(source, plugin),
    source && hooks("source:pinned", "source", true),
    layersStage(source, plugin),
    hooks("rootfs:merged", "rootfs"),
    skeletonStage(plugin),
    busyboxStage(plugin),
    agentStage(plugin),
    initStage(plugin),
    imageConfigStage(source),
    mappingsStage(plugin, outputs),
    hooks("rootfs:ready", "rootfs", true),
    sealStage(plugin, imager),
    imager.isBootable ? checkStage(plugin) : undefined,
    writeStage(imager, outputs, options.force ?? false),
    options.verify ? verifyStage(imager) : undefined,
    hooks("image:written", "artifact"),
    ...(imager.isBootable ? [manifestStage(outputs), hooks("manifest:ready", "artifact")] : []),
    plugin.budgets && budgetStage(plugin, plugin.budgets, outputs, options.baseline ?? false),
    options.files === undefined ? undefined : filesStage(options.files),
    publishStage(imager, outputs),
  ];
  return stages.filter((stage) => stage !== undefined);
}
