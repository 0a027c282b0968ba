import { dirname } from "node:path";
import { pluginsOf } from "../config/project.ts";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import { lockFileOf } from "../lock/inputs.ts";
import type { UpdateOptions } from "../lock/update.ts";
import { onInterrupt } from "./interrupt.ts";
import { loadProjects, type RecipeArgs } from "./targets.ts";

/** The parsed flags of a command that reads or writes locks. */
export type LockArgs = RecipeArgs & {
  readonly "cache-dir"?: string;
  readonly json?: boolean;
  readonly "dry-run"?: boolean;
};

/** The plugins that the flags mean, and how their locks are written. Of a part of a project, no entry is dropped. */
export async function lockTargets(
  args: LockArgs,
): Promise<{ readonly plugins: ResolvedPlugin[]; readonly options: UpdateOptions }> {
  const signal = onInterrupt();
  const project = await loadProjects(args);
  const plugins = pluginsOf(project);
  const isAll = args._.length === 0 && args.filter === undefined && args.platform === undefined;
  const [first] = plugins;
  // The lock that was found may be that of a workspace above, of which this is a part.
  const isOwn = first !== undefined && dirname(await lockFileOf(first)) === dirname(project.file);
  return {
    plugins,
    options: {
      signal,
      env: process.env,
      prune: isAll && isOwn,
      ...(args["cache-dir"] !== undefined && { cacheDir: args["cache-dir"] }),
    },
  };
}
