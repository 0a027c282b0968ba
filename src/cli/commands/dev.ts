import type { Command } from "../commands.ts";
import { JOBS_FLAG, jobsOf, RECIPE_FLAGS, RUN_FLAGS } from "../flags.ts";
import type { RecipeArgs } from "../targets.ts";

type Args = RecipeArgs & {
  readonly "cache-dir"?: string;
  readonly verbose?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
  readonly verify?: boolean;
  readonly jobs?: string;
};

export const dev: Command = {
  meta: { name: "dev", description: "Build, and build again what a change touches, until Ctrl-C" },
  args: {
    ...RECIPE_FLAGS,
    mode: { ...RECIPE_FLAGS.mode, default: "development" },
    ...JOBS_FLAG,
    ...RUN_FLAGS,
    verify: { type: "boolean", description: "Read each artifact back and compare it with what was meant" },
  },
  examples: [
    ["", "the config in this folder, or all plugins of a workspace"],
    ["web -o dist/", "one plugin; artifacts into dist/"],
    ["--json", "an event per line: dev:change, dev:build, build:done, dev:idle, ..."],
  ],
  run: ({ args }) => runDev(args as unknown as Args),
};

/** Ctrl-C is how it is meant to end, so that is a success. */
async function runDev(args: Args): Promise<number> {
  const [{ loadProjects }, { dev }, { createDevRenderer }, { onInterrupt }] = await Promise.all([
    import("../targets.ts"),
    import("../../dev.ts"),
    import("../render/dev.ts"),
    import("../interrupt.ts"),
  ]);
  const jobs = jobsOf(args.jobs);
  const signal = onInterrupt();
  const renderer = createDevRenderer(args);
  try {
    await dev({
      load: (onRead) => loadProjects(args, onRead),
      env: process.env,
      signal,
      verify: args.verify ?? false,
      onEvent: renderer.onEvent,
      ...(jobs !== undefined && { jobs }),
      ...(args["cache-dir"] !== undefined && { cacheDir: args["cache-dir"] }),
    });
  } finally {
    renderer.end();
  }
  return 0;
}
