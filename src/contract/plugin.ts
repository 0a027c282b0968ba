import type { HookLayer } from "./hooks.ts";
import type { InitramfsRecipe, OciRootfsRecipe } from "./recipe.ts";
import type { AnyStage } from "./stage.ts";

/** A stage of the config's or of a preset's, and who wrote it. */
export type StageLayer = { readonly origin: string; readonly stage: AnyStage };

/** What of a config is code, the lowest layer first. */
type PluginCode = { readonly hooks: readonly HookLayer[]; readonly stages: readonly StageLayer[] };

/** A resolved plugin whose artifact is a cpio archive. */
export type ResolvedInitramfs = InitramfsRecipe & PluginCode;

/** A resolved plugin whose artifact is a disk image, or what `filesystem.type` says. */
export type ResolvedOciRootfs = OciRootfsRecipe & PluginCode;

/** A plugin as it is built: its recipe, and the hooks and stages that take part. */
export type ResolvedPlugin = ResolvedInitramfs | ResolvedOciRootfs;
