export {
  type BootEvent,
  type BootedGuest,
  type BootOptions,
  type BootReport,
  bootArtifact,
  bootCommand,
} from "./boot/boot.ts";
export { diagnoseBoot } from "./boot/doctor.ts";
export type { BootPlanOptions } from "./boot/plan.ts";
export type { BootSubject } from "./boot/subject.ts";
export { type BootTestEvent, type BootTestOptions, type BootTestResult, runBootTests } from "./boot/test.ts";
export { writeBaseline } from "./budget/baseline.ts";
export type { Growth, Overrun } from "./budget/compare.ts";
export type { ResolvedBudgets } from "./budget/options.ts";
export {
  type BuildAllOptions,
  type BuildAllResult,
  type BuildFailure,
  type BuildOptions,
  build,
  buildAll,
} from "./build.ts";
export {
  type AnyPlugin,
  type ConfigEnv,
  defineImager,
  definePlugin,
  defineSource,
  defineStage,
  defineWorkspace,
  type PluginConfig,
  type PluginExport,
  type Strategy,
  type WorkspaceConfig,
} from "./config/define.ts";
export {
  type DescribedPreset,
  definePreset,
  type Preset,
  type PresetConfig,
  type PresetContext,
  type PresetDefinition,
  type PresetFunction,
  type PresetLayer,
} from "./config/preset.ts";
export type { PresetMeta, PresetUse } from "./config/preset-use.ts";
export type { LoadOptions, Member, Project } from "./config/project.ts";
export { loadPlugins, loadProject } from "./config/project.ts";
export type { StandardSchema } from "./config/standard-schema.ts";
export type { FledgeHooks, HookName } from "./contract/hooks.ts";
export type { ArtifactFacts, CustomImager, ImagerContext } from "./contract/imager.ts";
export type { LockEntry, Unpinned } from "./contract/lock.ts";
export type { ResolvedInitramfs, ResolvedOciRootfs, ResolvedPlugin } from "./contract/plugin.ts";
export type { ResolvedRecipe } from "./contract/recipe.ts";
export type { BuildResult, BuildSize, Facts, StageTiming } from "./contract/result.ts";
export type { CustomSource, ImageConfig, Pin, SourceContext } from "./contract/source.ts";
export type { AnyStage, Artifact, Phase, Phases, Stage, StageContext } from "./contract/stage.ts";
export { type DevEvent, type DevOptions, dev } from "./dev.ts";
export { artifactFacts, writeHashed } from "./imagers/sink.ts";
export { type InitOptions, type InitResult, initProject } from "./init/init.ts";
export type { TemplateName } from "./init/templates.ts";
export type { Aspect } from "./inspect/compare.ts";
export { type Difference, diffImages, type ImageDiff } from "./inspect/diff.ts";
export { type ExtractOptions, extractImage } from "./inspect/extract.ts";
export type { ImageFinding, ImageFindings } from "./inspect/findings.ts";
export { type ImageReport, inspectImage } from "./inspect/inspect.ts";
export { type ListedEntry, type ListOptions, listImage } from "./inspect/list.ts";
export { openImage } from "./inspect/open.ts";
export type { InstalledPackage } from "./inspect/packages.ts";
export type { Mapped } from "./inspect/page/groups.ts";
export { buildPage, diffPage, inspectPage } from "./inspect/page/pages.ts";
export type { ImageFormat, ImageReader, Loss, OpenOptions } from "./inspect/reader.ts";
export type { SizedPath } from "./inspect/sizes.ts";
export { type Explanation, explainPath } from "./inspect/why.ts";
export type { Warning } from "./lib/context.ts";
export { type ErrorCode, type ErrorData, FledgeError, isFledgeError, type Problem } from "./lib/errors.ts";
export type { WatchedPath } from "./lib/files/watched.ts";
export type { JsonValue } from "./lib/json.ts";
export { type ProgramOptions, runProgram } from "./lib/process/program.ts";
export type { Requirement } from "./lib/process/requirements.ts";
export type { Tool } from "./lib/process/tools.ts";
export { type InputStatus, type LockStatus, lockStatus } from "./lock/status.ts";
export {
  type LockChange,
  type LockOptions,
  type LockReport,
  lockPlugins,
  type UpdateOptions,
  updateLock,
} from "./lock/update.ts";
export { type MigrateOptions, type MigrateResult, migrateProject } from "./migrate/migrate.ts";
export { type BudgetStatus, budgetStatus } from "./pipeline/budget-status.ts";
export { type Diagnosis, diagnoseAll, diagnosePlan, type Finding } from "./pipeline/doctor.ts";
export type { BuildEvent, EventSink } from "./pipeline/events.ts";
export { type Plan, type PlanOptions, plan } from "./pipeline/plan.ts";
export { watchedPaths } from "./pipeline/watched.ts";
export type { Attached, Attachment } from "./publish/attachments.ts";
export type { Built } from "./publish/built.ts";
export { type Published, publishPlugin } from "./publish/publish.ts";
export { type Pulled, type PullOptions, pullPlugin } from "./publish/pull.ts";
export { type Pushed, type PushOptions, pushPlugin } from "./publish/push.ts";
export type { TransferOptions } from "./publish/transfer.ts";
export { addCaCertificates } from "./rootfs/edit/ca-certificates.ts";
export { type EnvFileOptions, formatEnv } from "./rootfs/edit/env.ts";
export { addGroup, type GroupOptions } from "./rootfs/edit/group.ts";
export { type InstallOptions, installTree } from "./rootfs/edit/install-tree.ts";
export { type ServiceOptions, serviceScript } from "./rootfs/edit/service-script.ts";
export { type StripOptions, stripDocs } from "./rootfs/edit/strip-docs.ts";
export { renderTemplate, type TemplateValues } from "./rootfs/edit/template.ts";
export { addUser, type UserOptions } from "./rootfs/edit/user.ts";
export type { Layer } from "./rootfs/layer.ts";
export type { SealedEntry, SealedInode, SealedTree } from "./rootfs/seal.ts";
export type { Device, GuestPath, Ownership, Stat } from "./rootfs/stat.ts";
export { writeTar } from "./rootfs/tar/write.ts";
export { RootfsTree } from "./rootfs/tree.ts";
export {
  type ImageDocument,
  imageConfig,
  type LayerFromTarOptions,
  layerFromTar,
} from "./sources/custom/layer.ts";
export { checkManifest, checkManifestFile, type ManifestCheck } from "./volant/check.ts";
export type { Manifest } from "./volant/schema.ts";
