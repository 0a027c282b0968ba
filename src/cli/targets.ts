import { statSync } from "node:fs";
import type { LoadOptions } from "../config/plugins.ts";
import type { ResolvedPlugin } from "../config/resolve/plugin.ts";
import { FledgeError } from "../lib/errors.ts";
import { didYouMean } from "../lib/suggest.ts";

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
  const here = (): Promise<ResolvedPlugin[]> =>
    loadPlugins({ ...shared, ...(args.config !== undefined && { configFile: args.config }) });
  if (args._.length === 0) return await here();

  const plugins: ResolvedPlugin[] = [];
  const names: string[] = [];
  for (const target of args._) {
    const stat = statSync(target, { throwIfNoEntry: false });
    if (stat === undefined) names.push(target);
    else if (args.config !== undefined) throw new FledgeError("usage", `--config and ${target} both name a config`);
    else
      plugins.push(
        ...(await loadPlugins({ ...shared, ...(stat.isDirectory() ? { cwd: target } : { configFile: target }) })),
      );
  }
  return names.length === 0 ? plugins : [...plugins, ...byName(await named(here, names), names)];
}

async function named(load: () => Promise<ResolvedPlugin[]>, names: readonly string[]): Promise<ResolvedPlugin[]> {
  try {
    return await load();
  } catch (error) {
    throw new FledgeError(
      "usage",
      `"${names[0]}" is no file or folder, and there is no config here that could name it`,
      {
        cause: error,
      },
    );
  }
}

function byName(plugins: readonly ResolvedPlugin[], names: readonly string[]): ResolvedPlugin[] {
  return names.map((name) => {
    const plugin = plugins.find((candidate) => candidate.name === name);
    if (plugin !== undefined) return plugin;
    throw new FledgeError("usage", `"${name}" is no file or folder, and no plugin of this folder's config`, {
      hint: didYouMean(
        name,
        plugins.map((candidate) => candidate.name),
      ),
    });
  });
}
