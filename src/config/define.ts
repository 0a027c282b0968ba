import type { z } from "zod";
import type { CustomImager } from "../contract/imager.ts";
import type { CustomSource } from "../contract/source.ts";
import type { Phase, Stage } from "../contract/stage.ts";
import type { Awaitable } from "../lib/context.ts";
import type { LayerInput, Strategy, workspaceSchema } from "./schema.ts";

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
export type PluginConfig<S extends Strategy = Strategy> = CommonConfig & {
  /** oci_rootfs: a disk image from a container image; initramfs: a small archive that is all in memory */
  strategy: S;
} & StrategyConfig[S];

/** A recipe of either strategy, as a union that tells them apart. */
export type AnyPlugin = { [S in Strategy]: PluginConfig<S> }[Strategy];

/** What a config file may export for one plugin: the recipe, a promise of it, or a function that makes it. */
export type PluginExport = Awaitable<AnyPlugin> | MakesPlugin;

type MakesPlugin = (env: ConfigEnv) => Awaitable<AnyPlugin>;

/** The keys of a recipe that its strategy does not know; not those that it has only since another one may be returned. */
type UnknownKeys<R> = R extends { strategy: infer S }
  ? {
      [K in Exclude<keyof R, keyof Extract<AnyPlugin, { strategy: S }>>]: [R[K]] extends [undefined] ? never : K;
    }[Exclude<keyof R, keyof Extract<AnyPlugin, { strategy: S }>>]
  : never;

/**
 * TypeScript marks a wrong key where an object is wanted, but takes what a function returns for good when it has what is
 * wanted and more. This asks for what such a function cannot have, so that the error names the key.
 */
type NoUnknownKeys<F extends MakesPlugin> = [UnknownKeys<Awaited<ReturnType<F>>>] extends [never]
  ? unknown
  : { "a plugin of this strategy has no such key": UnknownKeys<Awaited<ReturnType<F>>> };

/**
 * Returns the recipe as it is; it is there for the types. One signature, since of several the editor completes by the
 * first and puts errors of all at the call.
 */
export function definePlugin<const F extends MakesPlugin = MakesPlugin>(
  config: Awaitable<AnyPlugin> | (F & NoUnknownKeys<F>),
): PluginExport {
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
