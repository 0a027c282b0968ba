import type { DevEvent } from "../../dev.ts";
import type { BootArgs } from "../boot-options.ts";
import { buildOptionsOf } from "../build-options.ts";
import type { Command } from "../commands.ts";
import { JOBS_FLAG, LOCK_FLAGS, MACHINE_FLAGS, RECIPE_FLAGS, RUN_FLAGS } from "../flags.ts";

type DevArgs = BootArgs & { readonly boot?: boolean };

export const dev: Command = {
  meta: { name: "dev", description: "Build, and build again what a change touches, until Ctrl-C" },
  args: {
    ...RECIPE_FLAGS,
    mode: { ...RECIPE_FLAGS.mode, default: "development" },
    ...JOBS_FLAG,
    ...LOCK_FLAGS,
    ...RUN_FLAGS,
    boot: { type: "boolean", description: "Boot what was built, and again after each change" },
    ...MACHINE_FLAGS,
    verify: { type: "boolean", description: "Read each artifact back and compare it with what was meant" },
  },
  examples: [
    ["", "the config in this folder, or all plugins of a workspace"],
    ["web -o dist/", "one plugin; artifacts into dist/"],
    ["web --boot --forward 8080:80", "what was built runs; a change reboots it"],
    ["--json", "an event per line: dev:change, dev:build, build:done, dev:idle, ..."],
  ],
  run: ({ args }) => runDev(args as unknown as DevArgs),
};

/** Ctrl-C is how it is meant to end, so that is a success. */
async function runDev(args: DevArgs): Promise<number> {
  const [{ loadProjects }, { dev }, { createDevRenderer }, { onInterrupt }] = await Promise.all([
    import("../targets.ts"),
    import("../../dev.ts"),
    import("../render/dev.ts"),
    import("../interrupt.ts"),
  ]);
  const options = buildOptionsOf(args);
  const signal = onInterrupt();
  const renderer = createDevRenderer(args);
  const rebooter = args.boot ? await rebooterFor(args, renderer, signal) : undefined;
  try {
    await dev({
      ...options,
      load: async (onRead) => {
        const project = await loadProjects(args, onRead);
        rebooter?.check(project);
        return project;
      },
      signal,
      onEvent(event) {
        renderer.onEvent(event);
        rebooter?.onEvent(event);
      },
    });
  } finally {
    await rebooter?.end();
    renderer.end();
  }
  return 0;
}

async function rebooterFor(args: DevArgs, renderer: { onEvent(event: DevEvent): void }, signal: AbortSignal) {
  const [{ createRebooter }, { bootOptionsOf }, { bootRenderer }, { errorData }] = await Promise.all([
    import("../reboot.ts"),
    import("../boot-options.ts"),
    import("../render/boot.ts"),
    import("../../lib/errors.ts"),
  ]);
  const options = { ...bootOptionsOf(args), signal, onEvent: bootRenderer(args).onEvent };
  return createRebooter(options, (error) => {
    if (!signal.aborted) renderer.onEvent({ type: "dev:error", error: errorData(error) });
  });
}
