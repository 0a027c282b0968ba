import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { LoadOptions, Project } from "../config/project.ts";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import type { Env } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import { type DockerfileArgs, isDockerfile, loadDockerfile, requireDockerfile } from "./dockerfile.ts";

/** The parsed values of RECIPE_FLAGS and DOCKERFILE_FLAGS; `_` holds every positional. */
export type RecipeArgs = DockerfileArgs & {
  readonly _: readonly string[];
  readonly filter?: string;
  readonly config?: string;
  readonly manifest?: string;
  readonly output?: string;
  readonly mode?: string;
  readonly platform?: string;
  readonly declarative?: boolean;
  readonly "allow-preset"?: readonly string[];
};

/** The plugins that a command line means: by folder, by config file, or by name in this folder's config or workspace. */
export async function loadTargets(args: RecipeArgs): Promise<ResolvedPlugin[]> {
  const { pluginsOf } = await import("../config/project.ts");
  return pluginsOf(await loadProjects(args));
}

/** The same with what they were read from; see `loadProject`. */
export async function loadProjects(
  args: RecipeArgs,
  onRead?: (file: string) => void,
  onPackageFile?: (file: string) => void,
): Promise<Project> {
  const { checkNames, loadProject } = await import("../config/project.ts");
  const shared: Shared = {
    env: process.env,
    ...(args.manifest !== undefined && { manifestFile: args.manifest }),
    ...(args.mode !== undefined && { mode: args.mode }),
    ...(args.platform !== undefined && { platform: args.platform }),
    ...(args.filter !== undefined && { filter: args.filter }),
    ...(args.declarative && { declarative: args["allow-preset"] ?? [] }),
    ...(onRead !== undefined && { onRead }),
    ...(onPackageFile !== undefined && { onPackageFile }),
  };
  const output = absoluteOutput(args.output);
  const projects: Project[] = [];
  for (const target of targetsOf(args)) {
    projects.push(
      "dockerfile" in target
        ? await dockerfileProject(target.dockerfile, args, shared)
        : await loadProject({ ...shared, ...(output !== undefined && { output }), ...target }),
    );
  }
  const project = joined(projects);
  checkNames(project.members.flatMap(({ plugins }) => plugins));
  return project;
}

/** `-o` is relative to where the command was given, whatever folder it names; a slash at the end says that it is a folder. */
function absoluteOutput(output: string | undefined): string | undefined {
  if (output === undefined) return undefined;
  return output.endsWith("/") ? `${resolve(output)}/` : resolve(output);
}

type Shared = LoadOptions & { readonly env: Env };

type Target = { readonly dockerfile: string } | Pick<LoadOptions, "cwd" | "configFile" | "names">;

/** What each word of the command line names; all that is no file or folder are names of plugins in one config. */
function targetsOf(args: RecipeArgs): Target[] {
  const { config, dockerfile } = args;
  const words = dockerfile === undefined || args._.includes(dockerfile) ? args._ : [dockerfile, ...args._];
  if (!words.some((word) => word === dockerfile || isDockerfile(word))) requireDockerfile(args);
  const here = config === undefined ? {} : { configFile: config };
  if (words.length === 0) return [here];

  const targets: Target[] = [];
  const names: string[] = [];
  for (const word of words) {
    const stat = statSync(word, { throwIfNoEntry: false });
    const isRecipe = word === dockerfile || (isDockerfile(word) && !stat?.isDirectory());
    if (stat === undefined && !isRecipe && isPath(word)) throw missing(word);
    if (stat === undefined && !isRecipe) names.push(word);
    else if (config !== undefined) throw new FledgeError("usage", `--config and ${word} both name a recipe`);
    else targets.push(isRecipe ? { dockerfile: word } : stat?.isDirectory() ? { cwd: word } : { configFile: word });
  }
  return names.length === 0 ? targets : [...targets, { ...here, names: [...new Set(names)] }];
}

/** No plugin can have such a name. */
function isPath(word: string): boolean {
  return word.includes("/") || word.startsWith("~");
}

function missing(word: string): FledgeError {
  const hint = word.startsWith("~") ? "only the shell expands ~, and not in quotes" : undefined;
  return new FledgeError("usage", `${word} does not exist`, {
    hint: hint ?? "name a folder, a config file, or a plugin",
  });
}

async function dockerfileProject(file: string, args: RecipeArgs, shared: Shared): Promise<Project> {
  return { file, members: [{ file, plugins: await loadDockerfile(file, args, shared), reads: [] }], watched: [] };
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
