import { statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import { FledgeError, type Problem } from "../lib/errors.ts";
import { parsePattern } from "../lib/pattern.ts";
import { formatPlatform } from "../lib/platform.ts";
import { didYouMean } from "../lib/suggest.ts";
import type { LoadOptions, Member, Project } from "./project.ts";
import { labelled } from "./resolve/label.ts";

/**
 * The plugins of a config, or of each config of a workspace, resolved and checked. Throws a `config` error with every
 * problem at once; those of a workspace's plugins that `names` does not ask for do not count.
 */
export async function loadPlugins(options: LoadOptions = {}): Promise<ResolvedPlugin[]> {
  return pluginsOf(await loadProject(options));
}

/**
 * The same with what it was read from, for those who load again when that changes. A config that cannot be read is a
 * member with an error. Throws a `usage` error for a name that is not there, a `config` error for one that is there twice.
 */
export async function loadProject(options: LoadOptions = {}): Promise<Project> {
  const { readProject } = await import("./project.ts");
  const cwd = resolve(options.cwd ?? ".");
  const project = withLabels(select(await readProject({ ...options, ...outputOf(cwd, options) }), options));
  const plugins = project.members.flatMap((member) => member.plugins);
  checkNames(plugins);
  if (plugins.length > 1 && plugins[0]?.outFile !== undefined) {
    throw new FledgeError("usage", `${options.output} is one file, and the config has ${plugins.length} plugins`, {
      hint: "name a folder, or one of the plugins",
    });
  }
  return project;
}

/** The plugins of a project. Throws one `config` error for all members that could not be read. */
export function pluginsOf({ members }: Project): ResolvedPlugin[] {
  const errors = members.flatMap(({ error }) => error ?? []);
  if (errors.length > 0) throw readingError(errors);
  return members.flatMap(({ plugins }) => plugins);
}

/** The same project, its plugins of one name with labels that tell them apart, those of a workspace with its folder. */
function withLabels(project: Project): Project {
  const root = dirname(project.file);
  const plugins = labelled(project.members.flatMap((member) => member.plugins)).map((plugin) =>
    plugin.configFile === project.file ? plugin : Object.freeze({ ...plugin, root }),
  );
  let next = 0;
  const members = project.members.map((member): Member => {
    const own = plugins.slice(next, next + member.plugins.length);
    next += own.length;
    return { ...member, plugins: own };
  });
  return { ...project, members };
}

/** Throws a `config` error when two plugins have one name, unless they are for different platforms. */
export function checkNames(plugins: readonly ResolvedPlugin[]): void {
  const seen = new Map<string, string>();
  for (const { name, platform, configFile = "" } of plugins) {
    const key = `${name} ${formatPlatform(platform)}`;
    const other = seen.get(key);
    if (other !== undefined) {
      const message =
        other === configFile
          ? `${configFile} has two plugins called "${name}"`
          : `two plugins are called "${name}": ${other} and ${configFile}`;
      throw new FledgeError("config", message, { hint: "give each a name of its own, or a platform" });
    }
    seen.set(key, configFile);
  }
}

/** One error for all configs that cannot be read. */
function readingError(errors: readonly FledgeError[]): FledgeError {
  const [first, ...others] = errors;
  if (first !== undefined && others.length === 0) return first;
  const problems = errors.flatMap((error): Problem[] =>
    error.problems.length > 0
      ? [...error.problems]
      : [{ message: error.message, ...(error.hint !== undefined && { hint: error.hint }) }],
  );
  return new FledgeError("config", `${errors.length} configs have problems`, { problems, cause: first });
}

function outputOf(cwd: string, { outDir, output }: LoadOptions): { outDir?: string; outFile?: string } {
  if (output === undefined) return outDir === undefined ? {} : { outDir: resolve(cwd, outDir) };
  const path = resolve(cwd, output);
  const isFolder = output.endsWith("/") || statSync(path, { throwIfNoEntry: false })?.isDirectory();
  return isFolder ? { outDir: path } : { outFile: path };
}

/** The members and plugins that were asked for, in the order of their names if they were. */
function select(project: Project, { names, filter }: LoadOptions): Project {
  if (names === undefined && filter === undefined) return project;
  checkNames(project.members.flatMap(({ plugins }) => plugins));
  const isWanted = matcherOf(filter);
  const owners = project.members.flatMap((member) => member.plugins.map((plugin) => ({ member, plugin })));
  const broken = project.members.filter(({ error }) => error !== undefined);
  const named = names?.flatMap((name) => owners.filter(({ plugin }) => plugin.name === name)) ?? owners;
  const hasAllNames = names?.every((name) => named.some(({ plugin }) => plugin.name === name)) ?? false;
  const wanted = named.filter(({ plugin }) => isWanted(plugin.name));
  // What is missing may be in a config that cannot be read, whose error says more.
  if (broken.length === 0) {
    const known = owners.map(({ plugin }) => plugin.name);
    for (const name of names ?? []) if (!known.includes(name)) throw noSuchName(name, known, project);
    if (wanted.length === 0) {
      throw new FledgeError("usage", `no plugin matches "${filter}"`, { hint: `known: ${known.join(", ")}` });
    }
  }
  const picked = wanted.map(({ member, plugin }): Member => ({ ...member, plugins: [plugin] }));
  return { ...project, members: hasAllNames ? picked : [...picked, ...broken] };
}

function noSuchName(name: string, known: readonly string[], { file }: Project): FledgeError {
  return new FledgeError("usage", `there is no plugin "${name}" in ${file}, nor a file or folder of that name`, {
    hint: didYouMean(name, known),
  });
}

function matcherOf(filter: string | undefined): (name: string) => boolean {
  if (filter === undefined) return () => true;
  const globs = alternativesOf(filter).map((glob) => glob.trim());
  if (globs.includes("")) {
    const message = globs.length === 1 ? "the filter is empty" : `"${filter}" has an empty glob between its commas`;
    throw new FledgeError("usage", message, { hint: 'write a glob: "web-*", or "web,db-*"' });
  }
  const patterns = globs.map(parsePattern);
  return (name) => patterns.some(({ matches }) => matches(name));
}

/** What stands between the commas, but for those in braces, brackets and parentheses, which are a glob's own. */
function alternativesOf(filter: string): string[] {
  const alternatives = [""];
  let depth = 0;
  for (const part of filter.split(/(\\.|[,{}()[\]])/)) {
    if (/^[{([]$/.test(part)) depth++;
    if (/^[})\]]$/.test(part)) depth = Math.max(0, depth - 1);
    if (part === "," && depth === 0) alternatives.push("");
    else alternatives.push(`${alternatives.pop()}${part}`);
  }
  return alternatives;
}
