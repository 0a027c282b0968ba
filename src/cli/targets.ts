import { statSync } from "node:fs";
import type { LoadOptions } from "../config/plugins.ts";
import type { ResolvedPlugin } from "../config/resolve/plugin.ts";
import { FledgeError } from "../lib/errors.ts";

/** The parsed values of RECIPE_FLAGS; `_` holds every positional. */
export type RecipeArgs = {
  readonly _: readonly string[];
  readonly config?: string;
  readonly manifest?: string;
  readonly output?: string;
  readonly mode?: string;
  readonly platform?: string;
};

/** The plugins that a command line means: by folder, by config file, or by name in this folder's config. */
export async function loadTargets(args: RecipeArgs): Promise<ResolvedPlugin[]> {
  const { loadPlugins } = await import("../config/plugins.ts");
  const shared: LoadOptions = {
    env: process.env,
    ...(args.manifest !== undefined && { manifestFile: args.manifest }),
    ...(args.output !== undefined && { output: args.output }),
    ...(args.mode !== undefined && { mode: args.mode }),
    ...(args.platform !== undefined && { platform: args.platform }),
  };
  const { config } = args;
  const here = { ...shared, ...(config !== undefined && { configFile: config }) };
  if (args._.length === 0) return await loadPlugins(here);

  const plugins: ResolvedPlugin[] = [];
  const names: string[] = [];
  for (const target of args._) {
    const stat = statSync(target, { throwIfNoEntry: false });
    if (stat === undefined) names.push(target);
    else if (config !== undefined) throw new FledgeError("usage", `--config and ${target} both name a config`);
    else
      plugins.push(
        ...(await loadPlugins({ ...shared, ...(stat.isDirectory() ? { cwd: target } : { configFile: target }) })),
      );
  }
  return names.length === 0 ? plugins : [...plugins, ...(await loadPlugins({ ...here, names }))];
}
