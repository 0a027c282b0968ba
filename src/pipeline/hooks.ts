type Awaitable<T> = T | Promise<T>;

/** The moments of a build at which a plugin or a preset may act. */
export interface FledgeHooks {
  "config:resolved": (ctx: { plugin: unknown }) => Awaitable<void>;
  "source:pinned": (ctx: { pin: unknown }) => Awaitable<void>;
  "rootfs:merged": (ctx: { rootfs: unknown }) => Awaitable<void>;
  "rootfs:ready": (ctx: { rootfs: unknown }) => Awaitable<void>;
  "image:written": (ctx: { artifact: unknown }) => Awaitable<void>;
  "manifest:ready": (ctx: { manifest: unknown }) => Awaitable<void>;
  "build:done": (ctx: { result: unknown }) => Awaitable<void>;
  "build:error": (ctx: { error: unknown }) => Awaitable<void>;
}
