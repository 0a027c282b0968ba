import type { Awaitable } from "../lib/context.ts";
import type { Manifest } from "../volant/schema.ts";
import type { ResolvedRecipe } from "./recipe.ts";
import type { BuildResult } from "./result.ts";
import type { Pin } from "./source.ts";
import type { Phases, StageContext } from "./stage.ts";

type Hook<T> = (context: T & StageContext) => Awaitable<void>;

/**
 * Every moment of a build at which a config or a preset may take part. Hooks of one name run one after the other, those of
 * presets first. Each may warn (`warn`), add to the result (`fact`), and stop the build by throwing.
 */
export interface FledgeHooks {
  /** Before anything is done. May look: the plugin is frozen. */
  "config:resolved": Hook<{ readonly plugin: ResolvedRecipe }>;
  /** The base image, archive or folder is known by its digest; nothing has been fetched but its manifest. May look. */
  "source:pinned": Hook<{ readonly plugin: ResolvedRecipe; readonly pin: Pin }>;
  /** The base is in the tree, nothing of fledge's own yet: what is removed here, fledge may still add. May change the tree. */
  "rootfs:merged": Hook<Phases["rootfs"]>;
  /** Agent, init, mappings and what stages did are in: the last chance to change the tree. */
  "rootfs:ready": Hook<Phases["rootfs"]>;
  /** The image is written and hashed, under a temporary name. May read it; its digest is final. */
  "image:written": Hook<Phases["artifact"]>;
  /** The manifest is rendered. May change it; it is checked afterwards. Not fired where Volant boots nothing. */
  "manifest:ready": Hook<{ readonly plugin: ResolvedRecipe; readonly manifest: Manifest }>;
  /** Artifact and manifest are in place, and go again if this throws. May look. */
  "build:done": Hook<{ readonly plugin: ResolvedRecipe; readonly result: BuildResult }>;
  /** The build has failed and been cleaned up. May look; what this hook throws is reported beside the error. */
  "build:error": Hook<{ readonly plugin: ResolvedRecipe; readonly error: unknown }>;
}

/** The name of a hook. */
export type HookName = keyof FledgeHooks;

// A Record, so that the compiler asks for a row here whenever there is another hook.
const FIRED: Record<HookName, true> = {
  "config:resolved": true,
  "source:pinned": true,
  "rootfs:merged": true,
  "rootfs:ready": true,
  "image:written": true,
  "manifest:ready": true,
  "build:done": true,
  "build:error": true,
};

/** In the order in which they fire. */
export const HOOK_NAMES = Object.keys(FIRED) as readonly HookName[];

/** The hooks of one config or preset; `origin` names it in errors. */
export type HookLayer = { readonly origin: string; readonly hooks: Partial<FledgeHooks> };
