import type { z } from "zod";
import type { CustomImager } from "../imagers/custom/imager.ts";
import type { Phase, Stage } from "../pipeline/stage.ts";
import type { CustomSource } from "../sources/custom/source.ts";
import type { LayerInput, Strategy, workspaceSchema } from "./schema.ts";

export type Awaitable<T> = T | Promise<T>;

/** What a config that is a function is told. */
export type ConfigEnv = {
  /** What the build is for, e.g. "production"; `mode` of `loadPlugins`. */
  readonly mode: string;
  /** The platform asked for, else this machine's: "linux/amd64", "linux/arm64", "linux/arm/v7", however it was written. */
  readonly platform: string;
  /** The environment, with what `.env` beside the config adds. */
  readonly env: Readonly<Record<string, string | undefined>>;
};

type InitramfsKey = "init" | "busybox" | "archive";
type OciRootfsKey = "filesystem";

/** What both strategies know. */
export type CommonConfig = Omit<LayerInput, InitramfsKey | OciRootfsKey | "strategy" | "meta">;

type StrategyConfig = {
  initramfs: Pick<LayerInput, InitramfsKey>;
  oci_rootfs: Pick<LayerInput, OciRootfsKey>;
};

/** The recipe of one plugin. `S` decides which keys there are. */
export type PluginConfig<S extends Strategy = Strategy> = CommonConfig & { strategy: S } & StrategyConfig[S];

/** A recipe of either strategy, as a union that tells them apart. */
export type AnyPlugin = { [S in Strategy]: PluginConfig<S> }[Strategy];

/** What a config file may export for one plugin: the recipe, a promise of it, or a function that makes it. */
export type PluginExport = Awaitable<AnyPlugin> | ((env: ConfigEnv) => Awaitable<AnyPlugin>);

/** Returns the recipe as it is; it is there for the types. */
export function definePlugin<R extends Awaitable<AnyPlugin>>(config: (env: ConfigEnv) => R): (env: ConfigEnv) => R;
export function definePlugin<S extends Strategy>(config: Promise<PluginConfig<S>>): Promise<PluginConfig<S>>;
// Last, because TypeScript reports what the last overload says.
export function definePlugin<S extends Strategy>(config: PluginConfig<S>): PluginConfig<S>;
export function definePlugin(config: unknown): unknown {
  return config;
}

/** Many plugins in one repository: folders that have a config, and config files. */
export type WorkspaceConfig = z.input<typeof workspaceSchema>;

/** Returns the workspace as it is; it is there for the types. */
export function defineWorkspace(workspace: WorkspaceConfig): WorkspaceConfig {
  return workspace;
}

/** Returns the stage as it is; `phase` types what its `run` may touch. */
export function defineStage<P extends Phase>(stage: Stage<P>): Stage<P> {
  return stage;
}

/** Returns the source as it is: `source: { custom: defineSource({ ... }) }`. */
export function defineSource(source: CustomSource): CustomSource {
  return source;
}

/** Returns the imager as it is: `filesystem: { type: "custom", imager: defineImager({ ... }) }`. */
export function defineImager(imager: CustomImager): CustomImager {
  return imager;
}

export type { Strategy };
