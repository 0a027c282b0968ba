import type { Awaitable } from "./stage.ts";

/** The moments of a build at which a plugin or a preset may act. */
export interface FledgeHooks {
  "config:resolved": (context: { plugin: unknown }) => Awaitable<void>;
  "source:pinned": (context: { pin: unknown }) => Awaitable<void>;
  "rootfs:merged": (context: { rootfs: unknown }) => Awaitable<void>;
  "rootfs:ready": (context: { rootfs: unknown }) => Awaitable<void>;
  "image:written": (context: { artifact: unknown }) => Awaitable<void>;
  "manifest:ready": (context: { manifest: unknown }) => Awaitable<void>;
  "build:done": (context: { result: unknown }) => Awaitable<void>;
  "build:error": (context: { error: unknown }) => Awaitable<void>;
}

export type HookName = keyof FledgeHooks;

/** The hooks of one config or preset; `origin` names it in errors. */
export type HookLayer = { readonly origin: string; readonly hooks: Partial<FledgeHooks> };
