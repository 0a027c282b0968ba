import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Env } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import { didYouMean } from "../lib/suggest.ts";
import type { PluginExport } from "./define.ts";
import type { ResolvedPlugin } from "./resolve/plugin.ts";

export type LoadOptions = {
  /** The folder to look in, and what relative options are relative to. Default the working folder. */
  readonly cwd?: string;
  /** A config file, or a folder that has one. */
  readonly configFile?: string;
  /** A recipe instead of a file, or several: what a config in `cwd` would export. Only `manifestFile` is read beside it. */
  readonly config?: PluginExport | readonly PluginExport[];
  /** Instead of the manifest.toml beside the config. */
  readonly manifestFile?: string;
  /** What a config that is a function is told. Default "production". */
  readonly mode?: string;
  /** Goes over the config's. */
  readonly platform?: string;
  /** Default `process.env`. */
  readonly env?: Env;
  /** The folder of the artifacts; goes over the config's. */
  readonly outDir?: string;
  /** The artifact's file, or its folder when that exists or ends in a slash; goes over the config's. */
  readonly output?: string;
  /** Only the plugins of these names, in this order. */
  readonly names?: readonly string[];
};

/** The plugins of a config, resolved and checked. Throws a `config` error with every problem at once. */
export async function loadPlugins(options: LoadOptions = {}): Promise<ResolvedPlugin[]> {
  const { CONFIG_NAMES, findConfig, findManifest } = await import("./find.ts");
  const cwd = resolve(options.cwd ?? ".");
  const isGiven = options.config !== undefined;
  const file = isGiven ? join(cwd, CONFIG_NAMES[0] as string) : findConfig(cwd, options.configFile);
  const beside = isGiven ? undefined : findManifest(file);
  const manifestFile = options.manifestFile === undefined ? beside : resolve(cwd, options.manifestFile);
  const plugins = await readPlugins(file, manifestFile, { ...options, ...outputOf(cwd, options) });
  if (plugins.length > 1 && plugins[0]?.outFile !== undefined) {
    throw new FledgeError("usage", `${options.output} is one file, and the config has ${plugins.length} plugins`, {
      hint: "name a folder, or one of the plugins",
    });
  }
  return plugins;
}

async function readPlugins(
  file: string,
  manifestFile: string | undefined,
  options: LoadOptions & { outDir?: string; outFile?: string },
): Promise<ResolvedPlugin[]> {
  const [{ loadLayers }, { mergeLayers }, { resolvePlugin }, { formatPlatform, hostPlatform }, { layerSchema }] =
    await Promise.all([
      import("./load.ts"),
      import("./merge.ts"),
      import("./resolve/index.ts"),
      import("../lib/platform.ts"),
      import("./schema.ts"),
    ]);
  checkPlatform(options.platform, layerSchema.shape.platform.safeParse(options.platform).success);
  const loaded = await loadLayers(file, manifestFile, {
    mode: options.mode ?? "production",
    platform: options.platform ?? formatPlatform(hostPlatform()),
    env: options.env ?? process.env,
    config: options.config,
  });
  const { platform, outDir, outFile } = options;
  const plugins = loaded.map((layers) => {
    const merged = mergeLayers(layers);
    return resolvePlugin({ file, layers, merged, values: layerSchema.parse(merged.values), platform, outDir, outFile });
  });
  checkNames(plugins, file);
  return options.names === undefined ? plugins : pick(plugins, options.names, file);
}

function checkPlatform(platform: string | undefined, valid: boolean): void {
  if (valid) return;
  throw new FledgeError("usage", `"${platform}" is not a platform`, { hint: 'write it like "linux/amd64"' });
}

function outputOf(cwd: string, { outDir, output }: LoadOptions): { outDir?: string; outFile?: string } {
  if (output === undefined) return outDir === undefined ? {} : { outDir: resolve(cwd, outDir) };
  const path = resolve(cwd, output);
  const isFolder = output.endsWith("/") || statSync(path, { throwIfNoEntry: false })?.isDirectory();
  return isFolder ? { outDir: path } : { outFile: path };
}

function checkNames(plugins: readonly ResolvedPlugin[], file: string): void {
  const seen = new Set<string>();
  for (const { name } of plugins) {
    if (seen.has(name)) {
      throw new FledgeError("config", `${file} has two plugins called "${name}"`, {
        hint: "give each a name of its own",
      });
    }
    seen.add(name);
  }
}

function pick(plugins: readonly ResolvedPlugin[], names: readonly string[], file: string): ResolvedPlugin[] {
  const known = plugins.map((plugin) => plugin.name);
  return names.map((name) => {
    const plugin = plugins.find((candidate) => candidate.name === name);
    if (plugin !== undefined) return plugin;
    throw new FledgeError("usage", `there is no plugin "${name}" in ${file}, nor a file or folder of that name`, {
      hint: didYouMean(name, known),
    });
  });
}
