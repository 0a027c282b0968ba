import { basename, dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { ConfigLayer, LoadConfigOptions } from "c12";
import type { Env, Warning } from "../lib/context.ts";
import type { ConfigEnv } from "./define.ts";
import { withDotenv } from "./dotenv.ts";
import { evaluateConfig, evaluateExport, type Reading } from "./evaluate.ts";
import { type Extension, extensionsOf, readExtension } from "./extends.ts";
import type { OnRead } from "./importer.ts";
import { type Extender, fileOrigin, type Layer, type RawLayer, toLayer } from "./layer.ts";

export type LoadContext = {
  readonly mode: string;
  readonly platform: string;
  readonly env: Env;
  /** Instead of what the config file exports. */
  readonly config?: unknown;
  /** Told of each file that is read, or would be if it were there. */
  readonly onRead: OnRead;
  /** See `LoadOptions`. */
  readonly declarative?: readonly string[] | undefined;
  /** What there is to say before anything is read. */
  readonly warnings: readonly Warning[];
};

/** What a config file comes to: the layers of each of its plugins, or where the configs of a workspace are. */
export type Loaded = { readonly plugins: readonly (readonly Layer[])[] } | { readonly workspace: readonly string[] };

/**
 * The layers of each plugin of a config file, low first: presets, manifest.toml, the config itself. Throws a `config`
 * error for the first file with problems.
 */
export async function loadLayers(
  file: string,
  manifestFile: string | undefined,
  { config, onRead, declarative, warnings, ...context }: LoadContext,
): Promise<Loaded> {
  const env: ConfigEnv = { ...context, env: await withDotenv(dirname(file), context.mode, context.env, onRead) };
  const reading: Reading = { env, onRead, warnings: [...warnings], declarative };
  const evaluated =
    config === undefined ? await evaluateConfig(file, reading) : await evaluateExport(config, file, env);
  if ("workspace" in evaluated) return evaluated;
  const manifest = manifestFile === undefined ? [] : [await manifestLayer(manifestFile)];
  const plugins: Layer[][] = [];
  for (const main of evaluated.plugins) {
    const layers = await collect(main, reading);
    plugins.push([...layers.slice(0, -1), ...manifest, main].map(toLayer));
  }
  const [[first, ...layers] = [], ...others] = plugins;
  if (first === undefined) return { plugins };
  return { plugins: [[{ ...first, warnings: [...reading.warnings, ...first.warnings] }, ...layers], ...others] };
}

async function manifestLayer(file: string): Promise<RawLayer> {
  const { readManifestToml } = await import("./toml/read.ts");
  const { values, warnings } = await readManifestToml(file);
  return { ...fileOrigin(file), value: values, warnings };
}

type Node = { raw: RawLayer; extends: string[] };

/**
 * The layers of one plugin, low first: of `extends: [a, b]` b goes over a, as in tsconfig. c12 walks the tree; it is
 * given ids for the entries, since it would resolve `./dir/file.toml` wrongly, warn where we must fail, recurse for
 * ever on a cycle, and merge arrays by appending.
 */
async function collect(main: RawLayer, reading: Reading): Promise<RawLayer[]> {
  // Most configs extend nothing, and c12 takes longer to load than they do.
  if (extensionsOf(main, []).length === 0) return [main];
  const { loadConfig } = await import("c12");
  const extensions = new Map<string, Extension>();
  const register = (raw: RawLayer, above: readonly Extender[]): Node => ({
    raw,
    // c12 lists the first entry highest.
    extends: extensionsOf(raw, above)
      .reverse()
      .map((extension) => {
        const id = String(extensions.size);
        extensions.set(id, extension);
        return id;
      }),
  });
  const loaded = await loadConfig<Node>({
    ...C12_OPTIONS,
    cwd: dirname(main.file),
    configFile: basename(main.file),
    resolve: async (id) => {
      const extension = extensions.get(id);
      const raw = extension === undefined ? main : await readExtension(extension, reading);
      const config = register(raw, extension?.chain ?? []);
      return { config, cwd: dirname(raw.file), configFile: raw.file, _configFile: raw.file, source: raw.file };
    },
  });
  return distinct((loaded.layers ?? []).flatMap((layer: ConfigLayer<Node>) => layer.config?.raw ?? []).reverse());
}

const C12_OPTIONS = {
  name: "fledge",
  rcFile: false,
  globalRc: false,
  packageJson: false,
  giget: false,
  envName: false,
  merger: (...configs: unknown[]) => Object.assign({}, ...configs.reverse()),
  // Never called, since `resolve` always answers; without it c12 would set up its own importer.
  jiti: {} as NonNullable<LoadConfigOptions["jiti"]>,
} satisfies LoadConfigOptions;

/** A preset that two others extend alike is there once, at its lowest place; its hooks must not run twice. */
function distinct(layers: readonly RawLayer[]): RawLayer[] {
  const isSame = (a: RawLayer, b: RawLayer): boolean =>
    (a.key ?? a.id) === (b.key ?? b.id) && isDeepStrictEqual(a.options, b.options);
  return layers.filter((layer, index) => !layers.slice(0, index).some((lower) => isSame(lower, layer)));
}
