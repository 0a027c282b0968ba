import { formatPlatform } from "../lib/platform.ts";
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

/** What a plugin is called in events and messages: its name, and where that is not enough its platform. */
export function labelOf({ name, label = name }: Pick<ResolvedPlugin, "name" | "label">): string {
  return label;
}

/** The same plugins, those of one name with labels that tell them apart. */
export function labelled(plugins: readonly ResolvedPlugin[]): ResolvedPlugin[] {
  const isShared = (name: string): boolean => plugins.filter((plugin) => plugin.name === name).length > 1;
  return plugins.map((plugin) =>
    isShared(plugin.name)
      ? Object.freeze({ ...plugin, label: `${plugin.name} (${formatPlatform(plugin.platform)})` })
      : plugin,
  );
}
