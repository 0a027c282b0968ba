import type { ResolvedPlugin } from "../config/resolve/plugin.ts";
import type { Pin } from "../sources/source.ts";
import type { Manifest } from "../volant/schema.ts";
import type { BuildResult } from "./result.ts";
import type { Awaitable, Phases, StageContext } from "./stage.ts";

type Hook<T> = (context: T & StageContext) => Awaitable<void>;

/** Every moment of a build at which a config or a preset may take part. Those of presets run first. */
export interface FledgeHooks {
  /** Before anything is done. The plugin is frozen. */
  "config:resolved": Hook<{ readonly plugin: ResolvedPlugin }>;
  /** The base image, archive or folder is known by its digest; nothing has been fetched but its manifest. */
  "source:pinned": Hook<{ readonly plugin: ResolvedPlugin; readonly pin: Pin }>;
  /** The base is in the tree, nothing of fledge's own yet. May change the tree. */
  "rootfs:merged": Hook<Phases["rootfs"]>;
  /** Agent, init and mappings are in: the last chance to change the tree. */
  "rootfs:ready": Hook<Phases["rootfs"]>;
  /** The image is written and hashed, under a temporary name. May read it. */
  "image:written": Hook<Phases["artifact"]>;
  /** The manifest is rendered. May change it; it is checked afterwards. */
  "manifest:ready": Hook<{ readonly plugin: ResolvedPlugin; readonly manifest: Manifest }>;
  /** Artifact and manifest are in place. */
  "build:done": Hook<{ readonly plugin: ResolvedPlugin; readonly result: BuildResult }>;
  /** The build has failed and been cleaned up. What this hook throws is reported beside the error. */
  "build:error": Hook<{ readonly plugin: ResolvedPlugin; readonly error: unknown }>;
}

export type HookName = keyof FledgeHooks;

/** In the order in which they fire. */
export const HOOK_NAMES: readonly HookName[] = [
  "config:resolved",
  "source:pinned",
  "rootfs:merged",
  "rootfs:ready",
  "image:written",
  "manifest:ready",
  "build:done",
  "build:error",
];

/** The hooks of one config or preset; `origin` names it in errors. */
export type HookLayer = { readonly origin: string; readonly hooks: Partial<FledgeHooks> };
