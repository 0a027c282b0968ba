import { statSync } from "node:fs";
import type { LoadOptions } from "../config/plugins.ts";
import type { ResolvedPlugin } from "../config/resolve/plugin.ts";
import { FledgeError } from "../lib/errors.ts";
import { type DockerfileArgs, isDockerfile, loadDockerfile, requireDockerfile } from "./dockerfile.ts";

/** The parsed values of RECIPE_FLAGS and DOCKERFILE_FLAGS; `_` holds every positional. */
export type RecipeArgs = DockerfileArgs & {
  readonly _: readonly string[];
  readonly config?: string;
  readonly manifest?: string;
  readonly output?: string;
  readonly mode?: string;
  readonly platform?: string;
};

/** The plugins that a command line means: by folder, config file or Dockerfile, or by name in this folder's config. */
export async function loadTargets(args: RecipeArgs): Promise<ResolvedPlugin[]> {
  const { loadPlugins } = await import("../config/plugins.ts");
  const common = {
    env: process.env,
    ...(args.manifest !== undefined && { manifestFile: args.manifest }),
    ...(args.mode !== undefined && { mode: args.mode }),
    ...(args.platform !== undefined && { platform: args.platform }),
  };
  const shared: LoadOptions = { ...common, ...(args.output !== undefined && { output: args.output }) };
  const { config, dockerfile } = args;
  const here = { ...shared, ...(config !== undefined && { configFile: config }) };
  const targets = dockerfile === undefined || args._.includes(dockerfile) ? args._ : [dockerfile, ...args._];
  if (!targets.some((target) => target === dockerfile || isDockerfile(target))) requireDockerfile(args);
  if (targets.length === 0) return await loadPlugins(here);

  const plugins: ResolvedPlugin[] = [];
  const names: string[] = [];
  for (const target of targets) {
    const stat = statSync(target, { throwIfNoEntry: false });
    const isNamed = target === dockerfile || (isDockerfile(target) && !stat?.isDirectory());
    if (stat === undefined && !isNamed) names.push(target);
    else if (config !== undefined) throw new FledgeError("usage", `--config and ${target} both name a recipe`);
    else if (isNamed) plugins.push(...(await loadDockerfile(target, args, common)));
    else
      plugins.push(
        ...(await loadPlugins({ ...shared, ...(stat?.isDirectory() ? { cwd: target } : { configFile: target }) })),
      );
  }
  return names.length === 0 ? plugins : [...plugins, ...(await loadPlugins({ ...here, names }))];
}
