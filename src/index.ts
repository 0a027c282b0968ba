export { type BuildOptions, build, buildAll } from "./build.ts";
export {
  type AnyPlugin,
  type ConfigEnv,
  definePlugin,
  definePreset,
  defineStage,
  type PluginConfig,
  type PluginExport,
  type PresetConfig,
  type Strategy,
} from "./config/define.ts";
export { type LoadOptions, loadPlugins } from "./config/plugins.ts";
export type { ResolvedInitramfs, ResolvedOciRootfs, ResolvedPlugin } from "./config/resolve/plugin.ts";
export { type InitOptions, type InitResult, initProject } from "./init/init.ts";
export type { TemplateName } from "./init/templates.ts";
export type { Warning } from "./lib/context.ts";
export { type ErrorCode, FledgeError, isFledgeError, type Problem } from "./lib/errors.ts";
export { type MigrateOptions, type MigrateResult, migrateProject } from "./migrate/migrate.ts";
export { type Diagnosis, diagnoseAll, diagnosePlan, type Finding } from "./pipeline/doctor.ts";
export type { BuildEvent, EventSink } from "./pipeline/events.ts";
export type { FledgeHooks, HookName } from "./pipeline/hooks.ts";
export { type Plan, type PlanOptions, plan } from "./pipeline/plan.ts";
export type { BuildResult, StageTiming } from "./pipeline/result.ts";
export type { AnyStage, Artifact, Phase, Phases, Stage, StageContext } from "./pipeline/stage.ts";
export type { SealedEntry, SealedInode, SealedTree } from "./rootfs/seal.ts";
export { type Device, type GuestPath, type Ownership, RootfsTree, type Stat } from "./rootfs/tree.ts";
export { checkManifest, checkManifestFile, type ManifestCheck } from "./volant/check.ts";
export type { Manifest } from "./volant/schema.ts";
