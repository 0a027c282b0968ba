import type { Command } from "../commands.ts";
import { DOCKERFILE_FLAGS, READING_FLAGS, RUN_FLAGS } from "../flags.ts";
import type { LockArgs } from "../lock-options.ts";
import { print, printJson } from "../terminal.ts";

const { "output-initramfs": _initramfs, ...DOCKERFILE } = DOCKERFILE_FLAGS;

export const lock: Command = {
  meta: { name: "lock", description: "Write what builds fetch into fledge.lock, as it is now" },
  args: { ...READING_FLAGS, ...DOCKERFILE, verbose: RUN_FLAGS.verbose, "cache-dir": RUN_FLAGS["cache-dir"] },
  examples: [
    ["", "of the config or workspace in this folder; what is locked already stays as it is"],
    ["web", "of one plugin; entries of others stay"],
    ["--json", "what was added and dropped, as data"],
  ],
  run: ({ args }) => writeLock(args as unknown as LockArgs),
};

async function writeLock(args: LockArgs): Promise<number> {
  const [{ lockTargets }, { lockPlugins }, { reportLines }] = await Promise.all([
    import("../lock-options.ts"),
    import("../../lock/update.ts"),
    import("../render/lock.ts"),
  ]);
  const { plugins, options } = await lockTargets(args);
  const reports = await lockPlugins(plugins, options);
  if (args.json) printJson(reports, 2);
  else print(reports.flatMap((report) => reportLines(report)));
  return 0;
}
