import type { Command } from "../commands.ts";
import { READING_FLAGS, RUN_FLAGS } from "../flags.ts";
import type { LockArgs } from "../lock-options.ts";
import { print, printJson } from "../terminal.ts";

const { targets: _targets, ...RECIPE } = READING_FLAGS;

export const update: Command = {
  meta: { name: "update", description: "Ask for what is in fledge.lock anew, and write what is different" },
  args: {
    names: {
      type: "positional",
      required: false,
      valueHint: "NAME...",
      description: "Inputs to ask for, e.g. nginx:alpine, nginx, agent, or a key of the lock (default: all of them)",
    },
    ...RECIPE,
    "dry-run": { type: "boolean", description: "Print what would be different and write nothing" },
    verbose: RUN_FLAGS.verbose,
    "cache-dir": RUN_FLAGS["cache-dir"],
  },
  examples: [
    ["", "all that is locked"],
    ["nginx:alpine agent", "an image, for all platforms, and the agent"],
    ["--dry-run --json", "what would be different, as data"],
  ],
  run: ({ args }) => renewLock(args as unknown as LockArgs),
};

async function renewLock({ _: names, ...args }: LockArgs): Promise<number> {
  const [{ lockTargets }, { updateLock }, { reportLines }] = await Promise.all([
    import("../lock-options.ts"),
    import("../../lock/update.ts"),
    import("../render/lock.ts"),
  ]);
  const { plugins, options } = await lockTargets({ ...args, _: [] });
  const dryRun = args["dry-run"] ?? false;
  const reports = await updateLock(plugins, { ...options, names, dryRun });
  if (args.json) printJson(reports, 2);
  else print(reports.flatMap((report) => reportLines(report, dryRun)));
  return 0;
}
