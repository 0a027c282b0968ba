import { type BuildArgs, buildOptionsOf } from "../build-options.ts";
import type { Command } from "../commands.ts";
import { JOBS_FLAG, LOCK_FLAGS, RECIPE_FLAGS, RUN_FLAGS } from "../flags.ts";

export const dev: Command = {
  meta: { name: "dev", description: "Build, and build again what a change touches, until Ctrl-C" },
  args: {
    ...RECIPE_FLAGS,
    mode: { ...RECIPE_FLAGS.mode, default: "development" },
    ...JOBS_FLAG,
    ...LOCK_FLAGS,
    ...RUN_FLAGS,
    verify: { type: "boolean", description: "Read each artifact back and compare it with what was meant" },
  },
  examples: [
    ["", "the config in this folder, or all plugins of a workspace"],
    ["web -o dist/", "one plugin; artifacts into dist/"],
    ["--json", "an event per line: dev:change, dev:build, build:done, dev:idle, ..."],
  ],
  run: ({ args }) => runDev(args as unknown as BuildArgs),
};

/** Ctrl-C is how it is meant to end, so that is a success. */
async function runDev(args: BuildArgs): Promise<number> {
  const [{ loadProjects }, { dev }, { createDevRenderer }, { onInterrupt }] = await Promise.all([
    import("../targets.ts"),
    import("../../dev.ts"),
    import("../render/dev.ts"),
    import("../interrupt.ts"),
  ]);
  const options = buildOptionsOf(args);
  const signal = onInterrupt();
  const renderer = createDevRenderer(args);
  try {
    await dev({
      ...options,
      load: (onRead) => loadProjects(args, onRead),
      signal,
      onEvent: renderer.onEvent,
    });
  } finally {
    renderer.end();
  }
  return 0;
}
