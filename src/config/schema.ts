import { z } from "zod";
import { testOptions } from "../boot/options.ts";
import { budgetOptions } from "../budget/options.ts";
import { type FledgeHooks, HOOK_NAMES, type HookName } from "../contract/hooks.ts";
import { type AnyStage, PHASES } from "../contract/stage.ts";
import { agentOptions } from "../guest/agent/options.ts";
import { busyboxOptions } from "../guest/busybox/options.ts";
import { initOptions } from "../guest/init/options.ts";
import { guestOptions } from "../guest/kernel/options.ts";
import { mappingsOptions } from "../guest/mappings/options.ts";
import { cpioOptions } from "../imagers/cpio/options.ts";
import { customOptions } from "../imagers/custom/options.ts";
import { dirOptions } from "../imagers/dir/options.ts";
import { ext4Options } from "../imagers/ext4/options.ts";
import { btrfsOptions, xfsOptions } from "../imagers/loop/options.ts";
import { squashfsOptions } from "../imagers/squashfs/options.ts";
import { tarOptions } from "../imagers/tar/options.ts";
import { isPlainObject } from "../lib/json.ts";
import { didYouMean } from "../lib/suggest.ts";
import { publishOptions } from "../publish/options.ts";
import { limitsOptions } from "../sources/limits-options.ts";
import { platformOptions, registriesOptions, sourceOptions } from "../sources/options.ts";
import { manifestOptions } from "../volant/options.ts";
import { isPreset, isPresetUse, type PresetUse } from "./preset-use.ts";

/** Functions that run at named moments of the build. */
export const hooksOption = z
  .custom<Partial<FledgeHooks>>(isPlainObject)
  .superRefine((hooks, ctx) => {
    for (const [name, hook] of Object.entries(hooks)) {
      if (hook === undefined) continue;
      if (!HOOK_NAMES.includes(name as HookName)) {
        const hint = didYouMean(name, HOOK_NAMES);
        ctx.addIssue({ code: "custom", path: [name], message: "unknown hook", params: { hint, at: "key" } });
      } else if (typeof hook !== "function") {
        ctx.addIssue({ code: "custom", path: [name], message: `is not a function but ${kindOf(hook)}` });
      }
    }
  })
  .meta({ expected: "an object of functions" })
  .describe("functions that run at named moments of the build; those of presets run first");

/** Steps of the user's own, placed by name. */
export const stagesOption = z
  .array(z.custom<AnyStage>(isPlainObject).superRefine(checkStage).meta({ expected: "a stage" }))
  .describe("steps of your own, each at the end of its phase or placed by name (before, after, replaces)");

function checkStage(stage: AnyStage, ctx: z.core.$RefinementCtx<AnyStage>): void {
  const problem = (key: string, message: string, hint?: string) =>
    ctx.addIssue({ code: "custom", path: [key], message, params: { hint } });
  if (typeof stage.name !== "string" || stage.name === "") problem("name", "needs a name");
  if (typeof stage.run !== "function") problem("run", "is not a function");
  if (!PHASES.includes(stage.phase)) {
    problem("phase", `${JSON.stringify(stage.phase)} is not a phase`, didYouMean(String(stage.phase), PHASES));
  }
  const places = (["before", "after", "replaces"] as const).filter((key) => stage[key] !== undefined);
  if (places.length > 1) problem(places[1] ?? "after", `${places.join(" and ")} exclude each other`);
}

function kindOf(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "a list" : `of type ${typeof value}`;
}

export const strategies = ["initramfs", "oci_rootfs"] as const;

/** "initramfs" or "oci_rootfs": what kind of artifact a plugin is. */
export type Strategy = (typeof strategies)[number];

export const NAME_RULE = /^[a-z0-9][a-z0-9._-]*$/;

/** A preset with its options, the function of one that needs none, or a preset that is plain data. */
type InlinePreset =
  | PresetUse
  | (() => PresetUse)
  | { readonly meta: { readonly name: string }; readonly [key: string]: unknown };

const presetName = z.string().min(1);
const inlinePreset = z
  .custom<InlinePreset>((value) => isPresetUse(value) || isPreset(value) || (isPlainObject(value) && "meta" in value))
  .meta({ expected: "a preset" });

/** The entries of `extends` that a text format can hold. */
export const namedPresets = z.union([presetName, z.array(z.union([presetName, z.tuple([presetName, z.unknown()])]))]);
const extendsOption = z.union([
  presetName,
  z.array(z.union([presetName, z.tuple([presetName, z.unknown()]), inlinePreset])),
]);

const commonShape = {
  name: z
    .string()
    .regex(NAME_RULE, 'is not a plugin name; use lower case letters, digits, ".", "_" and "-"')
    .describe("what the artifacts and the plugin are called; default the image's, else the folder's name"),
  version: z.string().regex(/^\S+$/, "is not a version").describe("version of the plugin; default 0.1.0"),
  strategy: z.enum(strategies).describe("oci_rootfs: a disk image from a container image; initramfs: a small archive"),
  extends: extendsOption.describe("presets: preset(options), paths, npm packages, or [name, options]"),
  platform: platformOptions.describe("what the guest runs on; default linux on this machine's architecture"),
  platforms: z
    .array(platformOptions)
    .min(1, "is empty")
    .describe("instead of platform: several, each built into a folder of its own, such as linux-arm64"),
  outDir: z
    .string()
    .min(1)
    .meta({ hostPath: "path" })
    .describe("where the artifacts go; default the folder of the config"),
  mappings: mappingsOptions.describe("files and folders to add: host path -> path in the guest"),
  manifest: manifestOptions.describe("what the plugin manifest says beyond what fledge knows"),
  agent: z.union([agentOptions, z.literal(false)]).describe("where the Volant agent comes from; false leaves it out"),
  source: sourceOptions.describe("what the root filesystem starts from"),
  registries: registriesOptions.describe("how to reach registries, by host"),
  limits: limitsOptions.describe("what a layer of an image may ask for, against archives made to do harm"),
  budgets: budgetOptions.describe("how large what is built may become; a build that is over it fails"),
  publish: publishOptions.describe("where fledge publish takes what it builds"),
  guest: guestOptions.describe("what the plugin will boot on"),
  lock: z
    .boolean()
    .describe("true: a build adds to fledge.lock what is not in it yet; default false: only fledge lock does"),
  test: testOptions.describe("what a boot of the artifact must show; fledge test runs it"),
  hooks: hooksOption,
  stages: stagesOption,
};

const strategyShapes = {
  initramfs: {
    init: initOptions.describe("how the guest starts; default: mounts, then the agent"),
    busybox: z
      .union([busyboxOptions, z.literal(false)])
      .describe("where the static BusyBox comes from; false leaves it out"),
    archive: cpioOptions.describe("the cpio archive"),
  },
  oci_rootfs: {
    filesystem: z
      .union([ext4Options, xfsOptions, btrfsOptions, squashfsOptions, tarOptions, dirOptions, customOptions])
      .describe("the disk image"),
  },
};

/** The keys that only one strategy knows. */
export const strategyKeys: Readonly<Record<Strategy, readonly string[]>> = {
  initramfs: Object.keys(strategyShapes.initramfs),
  oci_rootfs: Object.keys(strategyShapes.oci_rootfs),
};

/** One layer: a preset, manifest.toml or the config itself. Which keys go with which strategy shows after the merge. */
export const layerSchema = z
  .strictObject({
    ...commonShape,
    ...strategyShapes.initramfs,
    ...strategyShapes.oci_rootfs,
    meta: z
      .strictObject({ name: z.string().min(1), description: z.string().optional(), url: z.string().optional() })
      .describe("of a preset"),
  })
  .partial();

export type LayerInput = z.input<typeof layerSchema>;
/** The keys of a layer that are merged; hooks and stages accumulate instead. */
export type LayerValues = Omit<LayerInput, "hooks" | "stages" | "extends" | "meta">;

export type LayerOutput = z.output<typeof layerSchema>;

/** A config that only says where others are. */
export const workspaceSchema = z.strictObject({
  plugins: z
    .array(z.string().min(1))
    .min(1, "is empty")
    .describe("of a workspace, alone in its config: folders that have a config, or config files; globs"),
});
