import { statSync } from "node:fs";
import type { LoadOptions } from "../config/plugins.ts";
import type { Project } from "../config/project.ts";
import type { ResolvedPlugin } from "../config/resolve/plugin.ts";
import { FledgeError } from "../lib/errors.ts";

/** The parsed values of RECIPE_FLAGS; `_` holds every positional. */
export type RecipeArgs = {
  readonly _: readonly string[];
  readonly filter?: string;
  readonly config?: string;
  readonly manifest?: string;
  readonly output?: string;
  readonly mode?: string;
  readonly platform?: string;
};

/** The plugins that a command line means: by folder, by config file, or by name in this folder's config or workspace. */
export async function loadTargets(args: RecipeArgs): Promise<ResolvedPlugin[]> {
  const { pluginsOf } = await import("../config/plugins.ts");
  return pluginsOf(await loadProjects(args));
}

/** The same with what they were read from; see `loadProject`. */
export async function loadProjects(args: RecipeArgs, onRead?: (file: string) => void): Promise<Project> {
  const { checkNames, loadProject } = await import("../config/plugins.ts");
  const projects: Project[] = [];
  for (const options of loadsOf(args)) {
    projects.push(await loadProject({ ...options, ...(onRead !== undefined && { onRead }) }));
  }
  const project = joined(projects);
  checkNames(project.members.flatMap(({ plugins }) => plugins));
  return project;
}

function loadsOf(args: RecipeArgs): LoadOptions[] {
  const shared: LoadOptions = {
    env: process.env,
    ...(args.manifest !== undefined && { manifestFile: args.manifest }),
    ...(args.output !== undefined && { output: args.output }),
    ...(args.mode !== undefined && { mode: args.mode }),
    ...(args.platform !== undefined && { platform: args.platform }),
    ...(args.filter !== undefined && { filter: args.filter }),
  };
  const { config } = args;
  const here = { ...shared, ...(config !== undefined && { configFile: config }) };
  if (args._.length === 0) return [here];

  const loads: LoadOptions[] = [];
  const names: string[] = [];
  for (const target of args._) {
    const stat = statSync(target, { throwIfNoEntry: false });
    if (stat === undefined) names.push(target);
    else if (config !== undefined) throw new FledgeError("usage", `--config and ${target} both name a config`);
    else loads.push({ ...shared, ...(stat.isDirectory() ? { cwd: target } : { configFile: target }) });
  }
  return names.length === 0 ? loads : [...loads, { ...here, names: [...new Set(names)] }];
}

/** What was named twice, by its folder and by its name, is there once. */
function joined(projects: readonly Project[]): Project {
  const [first] = projects;
  if (first !== undefined && projects.length === 1) return first;
  const seen = new Set<string>();
  const isNew = (key: string): boolean => !seen.has(key) && seen.add(key) !== undefined;
  const members = projects
    .flatMap((project) => project.members)
    .map((member) => ({
      ...member,
      plugins: member.plugins.filter(({ name, configFile }) => isNew(`${configFile}\0${name}`)),
    }));
  return { file: first?.file ?? "", members, watched: projects.flatMap(({ watched }) => watched) };
}
