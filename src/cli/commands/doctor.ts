import type { ResolvedPlugin } from "../../contract/plugin.ts";
import type { Command } from "../commands.ts";
import { DOCKERFILE_FLAGS, READING_FLAGS, RUN_FLAGS } from "../flags.ts";
import type { Subject } from "../render/doctor.ts";
import type { RecipeArgs } from "../targets.ts";
import { print, printJson } from "../terminal.ts";

type DoctorArgs = RecipeArgs & { readonly all?: boolean; readonly json?: boolean };

export const doctor: Command = {
  meta: { name: "doctor", description: "Say what a build needs of this machine, and whether it is there" },
  args: {
    ...READING_FLAGS,
    ...DOCKERFILE_FLAGS,
    verbose: RUN_FLAGS.verbose,
    all: { type: "boolean", alias: "a", description: "Look at every feature of fledge instead of a config's" },
  },
  examples: [
    ["", "can the config in this folder be built here? Exits 3 if not"],
    ["--all", "what would each feature need?"],
    ["web --json", "of one plugin, as data"],
  ],
  run: ({ args }) => diagnose(args as unknown as DoctorArgs),
};

async function diagnose(args: DoctorArgs): Promise<number> {
  const [{ diagnoseAll, diagnosePlan }, { lockStatus }, { diagnosisLines }, { diagnoseBoot }] = await Promise.all([
    import("../../pipeline/doctor.ts"),
    import("../../lock/status.ts"),
    import("../render/doctor.ts"),
    import("../../boot/doctor.ts"),
  ]);
  const machine = { env: process.env, signal: new AbortController().signal };
  const plans = args.all ? undefined : await plansOf(args);
  const diagnoses: Subject[] = plans === undefined ? await diagnoseAll(machine) : [];
  for (const plan of plans ?? []) {
    diagnoses.push({ ...(await diagnosePlan(plan, machine)), lock: await lockStatus(plan.plugin) });
  }
  const canBuild = diagnoses.every(({ canRun }) => canRun);
  const booted = plans?.map(({ plugin }) => plugin).filter(({ test }) => test?.boot !== undefined);
  for (const recipe of booted === undefined ? [undefined] : distinct(booted)) {
    diagnoses.push(await diagnoseBoot({ ...machine, ...(recipe !== undefined && { recipe }) }));
  }
  if (args.json) printJson(diagnoses, 2);
  else print(diagnosisLines(diagnoses));
  return plans !== undefined && !canBuild ? 3 : 0;
}

/** One of those that boot alike. */
function distinct(plugins: readonly ResolvedPlugin[]): ResolvedPlugin[] {
  const keyOf = ({ platform, guest }: ResolvedPlugin): string => JSON.stringify([platform.architecture, guest]);
  return [...new Map(plugins.map((plugin) => [keyOf(plugin), plugin])).values()];
}

/** The plans that the command line means; undefined where it means none and there is no config to read. */
async function plansOf(args: DoctorArgs) {
  const [{ configIn }, { loadTargets }, { plan }] = await Promise.all([
    import("../../config/find.ts"),
    import("../targets.ts"),
    import("../../pipeline/plan.ts"),
  ]);
  const isGiven = args._.length > 0 || args.config !== undefined || args.dockerfile !== undefined;
  if (!isGiven && configIn(process.cwd()) === undefined) return undefined;
  return (await loadTargets(args)).map((plugin) => plan(plugin));
}
