import { basename, dirname, join, resolve } from "node:path";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import type { Env } from "../lib/context.ts";
import { FledgeError, isFledgeError } from "../lib/errors.ts";
import type { WatchedPath } from "../lib/watched.ts";
import type { PluginExport, WorkspaceConfig } from "./define.ts";
import type { OnRead } from "./importer.ts";

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
    import("./load.ts"),
    import("./merge.ts"),
    import("./resolve/index.ts"),
    import("../lib/platform.ts"),
    import("./schema.ts"),
  ]);
  const load = async (platform: string) => {
    const { mode = "production", env = process.env, config } = options;
    return await loadLayers(file, manifestFile, {
      ...{ mode, platform, env, config, onRead },
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
