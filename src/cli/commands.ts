import type { ArgsDef, CommandDef } from "citty";

/** A command: citty's definition with examples for its help. */
export type Command = Omit<CommandDef, "meta" | "args"> & {
  readonly meta: { readonly name: string; readonly description: string };
  readonly args?: ArgsDef;
  readonly examples: readonly (readonly [command: string, what: string])[];
  /** What it exits with when it fails, where 1 is an answer of its own, as it is diff(1)'s. Default 1. */
  readonly failureCode?: 2;
};

/** Every command, loaded when it is asked for. */
export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  boot: async () => (await import("./commands/boot.ts")).boot,
  budget: async () => (await import("./commands/budget.ts")).budget,
  build: async () => (await import("./commands/build.ts")).build,
  cache: async () => (await import("./commands/cache.ts")).cache,
  cat: async () => (await import("./commands/cat.ts")).cat,
  check: async () => (await import("./commands/check.ts")).check,
  completion: async () => (await import("./commands/completion.ts")).completion,
  dev: async () => (await import("./commands/dev.ts")).dev,
  diff: async () => (await import("./commands/diff.ts")).diff,
  doctor: async () => (await import("./commands/doctor.ts")).doctor,
  extract: async () => (await import("./commands/extract.ts")).extract,
  init: async () => (await import("./commands/init.ts")).init,
  inspect: async () => (await import("./commands/inspect.ts")).inspect,
  lock: async () => (await import("./commands/lock.ts")).lock,
  ls: async () => (await import("./commands/ls.ts")).ls,
  migrate: async () => (await import("./commands/migrate.ts")).migrate,
  outdated: async () => (await import("./commands/outdated.ts")).outdated,
  plan: async () => (await import("./commands/plan.ts")).plan,
  presets: async () => (await import("./commands/presets.ts")).presets,
  pull: async () => (await import("./commands/pull.ts")).pull,
  publish: async () => (await import("./commands/publish.ts")).publish,
  push: async () => (await import("./commands/push.ts")).push,
  schema: async () => (await import("./commands/schema.ts")).schema,
  serve: async () => (await import("./commands/serve.ts")).serve,
  test: async () => (await import("./commands/test.ts")).test,
  update: async () => (await import("./commands/update.ts")).update,
  version: async () => (await import("./commands/version.ts")).version,
  why: async () => (await import("./commands/why.ts")).why,
  worker: async () => (await import("./commands/worker.ts")).worker,
};
