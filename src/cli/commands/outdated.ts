import type { Command } from "../commands.ts";
import { READING_FLAGS, RUN_FLAGS } from "../flags.ts";
import type { LockArgs } from "../lock-options.ts";
import { print, printJson } from "../terminal.ts";

export const outdated: Command = {
  meta: { name: "outdated", description: "Say what in fledge.lock is something else by now" },
  args: { ...READING_FLAGS, verbose: RUN_FLAGS.verbose, "cache-dir": RUN_FLAGS["cache-dir"] },
  examples: [
    ["", "exits 0 when there is no update, 1 when there is one, 2 when that cannot be told; nothing is written"],
    ["web --json", "of one plugin, as data"],
  ],
  failureCode: 2,
  run: ({ args }) => printOutdated(args as unknown as LockArgs),
};

async function printOutdated(args: LockArgs): Promise<number> {
  const [{ lockTargets }, { updateLock }, { outdatedLines }] = await Promise.all([
    import("../lock-options.ts"),
    import("../../lock/update.ts"),
    import("../render/lock.ts"),
  ]);
  const { plugins, options } = await lockTargets(args);
  const reports = await updateLock(plugins, { ...options, dryRun: true });
  if (args.json) printJson(reports, 2);
  else print(reports.flatMap(outdatedLines));
  return reports.some(({ changes }) => changes.length > 0) ? 1 : 0;
}
