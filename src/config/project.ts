import { statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { labelled, type ResolvedPlugin } from "../contract/plugin.ts";
import type { Env } from "../lib/context.ts";
import { FledgeError, isFledgeError, type Problem } from "../lib/errors.ts";
import type { WatchedPath } from "../lib/files/watched.ts";
import { parsePattern } from "../lib/pattern.ts";
import { formatPlatform } from "../lib/platform.ts";
import { didYouMean } from "../lib/suggest.ts";
import type { PluginExport, WorkspaceConfig } from "./define.ts";
import type { OnPackageFile, OnRead } from "./modules/importer.ts";

/** Where the recipe is, and what a config that is a function is given. */
export type LoadOptions = {
  /** The folder to look in, and what relative options are relative to. Default the working folder. */
  readonly cwd?: string;
  /** A config file, or a folder that has one. */
  readonly configFile?: string;
  /** A recipe instead of a file, or several: what a config in `cwd` would export. Only `manifestFile` is read beside it. */
  readonly config?: PluginExport | readonly PluginExport[] | WorkspaceConfig;
  /** Instead of the manifest.toml beside the config. */
  readonly manifestFile?: string;
  /** What a config that is a function is told. Default "production". */
  readonly mode?: string;
  /** Goes over the config's; several with commas between them. */
  readonly platform?: string;
  /** Default `process.env`. */
  readonly env?: Env;
  /** The folder of the artifacts; goes over the config's. */
  readonly outDir?: string;
  /** The artifact's file, or its folder when that exists or ends in a slash; goes over the config's. */
  readonly output?: string;
  /** Only the plugins of these names, in this order. */
  readonly names?: readonly string[];
  /** Only the plugins whose names match one of these globs, separated by commas. */
  readonly filter?: string;
  /**
   * Data only: a config has to be TOML, and of presets that are code those of fledge's package and those named here.
   * Default false. It is about what fledge runs itself, not about a Dockerfile's commands.
   */
  readonly declarative?: boolean | readonly string[];
  /** Told of each file of the project's that is read, or would be if it were there, at that moment. */
  readonly onRead?: OnRead;
  /** Told of each module of a package that a config imports; those that a package requires by itself are not seen. */
  readonly onPackageFile?: OnPackageFile;
};

/** A config file and the plugins in it. */
export type Member = {
  readonly file: string;
  readonly plugins: readonly ResolvedPlugin[];
  /** Why the file has no plugins. */
  readonly error?: FledgeError;
  /** The files that it is made of: it would be another one if one of them changed, or came to be. */
  readonly reads: readonly string[];
};

/** What a config comes to: one member, or those of a workspace. A member with an error does not keep the others away. */
export type Project = {
  /** The config that was read first: a workspace's, or the only one. */
  readonly file: string;
  readonly members: readonly Member[];
  /** The files that a workspace itself is made of, and where a config would become a member. */
  readonly watched: readonly WatchedPath[];
};

type Sources = {
  readonly file: string;
  readonly manifestFile?: string | undefined;
  /** Configs beside the file that are not read. */
  readonly shadowed?: readonly string[];
};

/** Reads the config of a folder, or each of a workspace. Throws a `config` or `usage` error when there is none to read. */
export async function readProject(options: LoadOptions & { outDir?: string; outFile?: string }): Promise<Project> {
  const { CONFIG_NAMES, findConfig, findManifest, otherConfigs } = await import("./find.ts");
  const cwd = resolve(options.cwd ?? ".");
  const isGiven = options.config !== undefined;
  const file = isGiven ? join(cwd, CONFIG_NAMES[0] as string) : findConfig(cwd, options.configFile);
  const beside = isGiven ? undefined : findManifest(file);
  const manifestFile = options.manifestFile === undefined ? beside : resolve(cwd, options.manifestFile);

  const isFound = !isGiven && basename(file) !== basename(options.configFile ?? "");
  const main = await readMember({ file, manifestFile, shadowed: isFound ? otherConfigs(file) : [] }, options);
  if (main.workspace === undefined) return { file, members: [main], watched: [] };
  if (options.manifestFile !== undefined) {
    throw new FledgeError("usage", `${options.manifestFile} is of one plugin, and ${file} is a workspace`, {
      hint: "name the folder of one of its plugins",
    });
  }
  const { findMembers } = await import("./workspace.ts");
  const { files, searched } = findMembers(file, main.workspace);
  const { config: _config, ...shared } = options;
  const read = files.map((member) => readMember({ file: member, manifestFile: findManifest(member) }, shared));
  const members = (await Promise.all(read)).map((member) => (member.workspace ? nested(member, file) : member));
  return { file, members, watched: [...main.reads.map((path) => ({ path })), ...searched] };
}

async function readMember(
  sources: Sources,
  options: LoadOptions & { outDir?: string; outFile?: string },
): Promise<Member & { readonly workspace?: readonly string[] }> {
  const { file, manifestFile } = sources;
  const reads = new Set<string>();
  const onRead = (path: string): void => {
    reads.add(path);
    options.onRead?.(path);
  };
  onRead(file);
  onRead(manifestFile ?? join(dirname(file), "manifest.toml"));
  try {
    const loaded = await resolveFile(sources, options, onRead);
    return { file, plugins: [], ...loaded, reads: [...reads] };
  } catch (error) {
    if (!isFledgeError(error) || error.code === "usage") throw error;
    // A file of the error's may be one that could not even be opened.
    for (const problem of error.problems) if (problem.file !== undefined) onRead(problem.file);
    return { file, plugins: [], error, reads: [...reads] };
  }
}

async function resolveFile(
  { file, manifestFile, shadowed = [] }: Sources,
  options: LoadOptions & { outDir?: string; outFile?: string },
  onRead: (path: string) => void,
): Promise<{ plugins: readonly ResolvedPlugin[] } | { workspace: readonly string[] }> {
  const [
    { loadLayers },
    { mergeLayers },
    { resolvePlugin },
    { hostPlatform, formatPlatform, normalPlatform },
    { layerSchema },
  ] = await Promise.all([
    import("./layers.ts"),
    import("./merge.ts"),
    import("./resolve/index.ts"),
    import("../lib/platform.ts"),
    import("./schema.ts"),
  ]);
  const load = async (platform: string) => {
    const { mode = "production", env = process.env, config, onPackageFile } = options;
    return await loadLayers(file, manifestFile, {
      ...{ mode, platform, env, config, onRead, onPackageFile },
      declarative: options.declarative === true ? [] : options.declarative || undefined,
      warnings: shadowed.map((other) => ({
        message: `${basename(other)} is not read: ${basename(file)} beside it is the config`,
        hint: "remove one of them, or name the one with --config",
      })),
    });
  };
  const asked = await askedPlatforms(options.platform);
  const first = await load(asked[0] ?? formatPlatform(hostPlatform()));
  if ("workspace" in first) return first;
  const { outDir, outFile } = options;
  const plugins: ResolvedPlugin[] = [];
  for (const [index, layers] of first.plugins.entries()) {
    const { platforms } = layerSchema.parse(mergeLayers(layers).values);
    const wanted = asked.length > 0 ? asked : normal(platforms ?? [], normalPlatform);
    const isOneOfSeveral = platforms !== undefined || asked.length > 1;
    for (const platform of wanted.length > 0 ? wanted : [undefined]) {
      // A config that is a function may say something else for each platform.
      const own = platform === undefined || platform === asked[0] ? first : await load(platform);
      const ownLayers = ("plugins" in own ? own.plugins[index] : undefined) ?? layers;
      const merged = mergeLayers(ownLayers);
      const values = layerSchema.parse(merged.values);
      const input = { file, layers: ownLayers, merged, values, platform, outDir, outFile, isOneOfSeveral };
      plugins.push(resolvePlugin(input));
    }
  }
  return { plugins };
}

/** The platforms of `--platform a,b`, each once, in their normal form. Throws a `usage` error for what is none. */
async function askedPlatforms(platform: string | undefined): Promise<string[]> {
  if (platform === undefined) return [];
  const [{ normalPlatform }, { platformOptions }] = await Promise.all([
    import("../lib/platform.ts"),
    import("../sources/platform-options.ts"),
  ]);
  return normal(platform.split(","), (text) => {
    if (platformOptions.safeParse(text).success) return normalPlatform(text);
    throw new FledgeError("usage", `"${text}" is not a platform`, { hint: 'write it like "linux/amd64"' });
  });
}

function normal(platforms: readonly string[], normalise: (text: string) => string): string[] {
  return [...new Set(platforms.map(normalise))];
}

function nested(member: Member, by: string): Member {
  const error = new FledgeError("config", `${member.file} is a workspace inside the workspace ${by}`, {
    hint: "name its plugins in the outer one",
  });
  return { ...member, error };
}

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

/** The project, its plugins of one name with labels that tell them apart, those of a workspace with its folder. */
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
