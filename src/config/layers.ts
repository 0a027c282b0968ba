import { basename, dirname, isAbsolute, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { ConfigLayer, LoadConfigOptions } from "c12";
import type { FledgeHooks } from "../contract/hooks.ts";
import type { AnyStage } from "../contract/stage.ts";
import type { Env, Warning } from "../lib/context.ts";
import { didYouMean } from "../lib/suggest.ts";
import type { ConfigEnv } from "./define.ts";
import { withDotenv } from "./dotenv.ts";
import {
  type Extender,
  evaluateConfig,
  evaluateExport,
  evaluateFile,
  evaluateUse,
  fileOrigin,
  plainLayer,
  type RawLayer,
  type Reading,
} from "./evaluate.ts";
import { configError, explain, refuse } from "./explain.ts";
import { findLayer } from "./find.ts";
import { rebase } from "./host-paths.ts";
import type { OnPackageFile, OnRead } from "./modules/importer.ts";
import { bundledPreset, bundledPresetNames, PACKAGE, PRESET_SPEC } from "./modules/own-files.ts";
import { isPreset, isPresetUse } from "./preset-use.ts";
import { type LayerInput, type LayerValues, layerSchema } from "./schema.ts";
import type { Converted } from "./toml/convert.ts";

/** One valid contribution to a plugin, its paths made absolute. */
export type Layer = {
  /** Whose it is, for messages: a preset's name, or the file. */
  readonly origin: string;
  readonly file: string;
  readonly values: LayerValues;
  readonly hooks: Partial<FledgeHooks> | undefined;
  readonly stages: readonly AnyStage[];
  /** Absolute host path of a mapping -> the key as it was written. */
  readonly mappingKeys: ReadonlyMap<string, string>;
  readonly warnings: readonly Warning[];
  readonly inferred: Converted["inferred"];
};

export type LoadContext = {
  readonly mode: string;
  readonly platform: string;
  readonly env: Env;
  /** Instead of what the config file exports. */
  readonly config?: unknown;
  /** Told of each file that is read, or would be if it were there. */
  readonly onRead: OnRead;
  readonly onPackageFile?: OnPackageFile | undefined;
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
  { config, onRead, onPackageFile, declarative, warnings, ...context }: LoadContext,
): Promise<Loaded> {
  const env: ConfigEnv = { ...context, env: await withDotenv(dirname(file), context.mode, context.env, onRead) };
  const reading: Reading = { env, onRead, onPackageFile, warnings: [...warnings], declarative };
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
  if ((main.value as { extends?: unknown }).extends === undefined) return [main];
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

/** An entry of `extends`, and by whom: the layers from the plugin's config down to the one that wrote it. */
type Extension = { readonly entry: Entry; readonly chain: readonly Extender[] };

type Entry = { readonly spec: string; readonly options: unknown } | { readonly inline: unknown };

/** The entries of a layer's `extends`, in the order written. */
function extensionsOf(raw: RawLayer, above: readonly Extender[]): Extension[] {
  const entries = (raw.value as { extends?: unknown }).extends;
  // The whole layer is checked later; a malformed `extends` has to be caught before it is followed.
  if (explain(layerSchema.pick({ extends: true }), { extends: entries }).length > 0) return [];
  if (entries === undefined) return [];
  const chain = [...above, raw];
  return (Array.isArray(entries) ? entries : [entries]).map((entry) => ({ entry: entryOf(entry), chain }));
}

function entryOf(entry: unknown): Entry {
  if (typeof entry === "string") return { spec: entry, options: undefined };
  if (Array.isArray(entry)) return { spec: entry[0], options: entry[1] };
  return { inline: isPreset(entry) ? entry() : entry };
}

/** Reads what an entry points to. Throws a `config` error that names the file that extends it. */
async function readExtension({ entry, chain }: Extension, reading: Reading): Promise<RawLayer> {
  const by = chain.at(-1) as Extender;
  if ("inline" in entry) {
    const { inline } = entry;
    const layer = isPresetUse(inline) ? await evaluateUse(inline, { by, ...reading }) : plainLayer(inline, by);
    refuseCycle(chain, layer.id);
    return layer;
  }
  const file = await resolveSpec(entry.spec, by, reading);
  refuseCode(file, entry.spec, by, reading);
  refuseCycle(chain, file);
  return evaluateFile(file, entry, { by, ...reading });
}

function refuseCycle(chain: readonly Extender[], id: string): void {
  const ids = chain.map((layer) => layer.id);
  if (!ids.includes(id)) return;
  const cycle = [...ids.slice(ids.indexOf(id)), id].join(" -> ");
  throw configError([
    { message: `extends itself: ${cycle}`, file: chain.at(-1)?.file ?? "", hint: "remove one of the extends" },
  ]);
}

/** Code that data names has to be fledge's own or allowed; what code extends is in its own hands. */
function refuseCode(file: string, spec: string, by: Extender, { declarative }: Reading): void {
  if (declarative === undefined || !by.file.endsWith(".toml") || file.endsWith(".toml")) return;
  if (declarative.includes(spec) || bundledPreset(spec) === file) return;
  throw configError([
    {
      message: `"${spec}", which it extends, is code, and --declarative takes data only`,
      file: by.file,
      hint: `--allow-preset ${spec} allows it, if you trust it`,
    },
  ]);
}

async function resolveSpec(spec: string, by: Extender, { declarative }: Reading): Promise<string> {
  // The project's own copy of a bundled preset is somebody's code.
  const bundled = declarative === undefined || declarative.includes(spec) ? undefined : bundledPreset(spec);
  if (bundled !== undefined) return bundled;
  const isPath = spec.startsWith(".") || isAbsolute(spec);
  const file = isPath ? findLayer(dirname(by.file), by.absolute(spec)) : await resolvePackage(spec, by.file);
  if (file !== undefined) return file;
  throw configError([
    { message: `cannot find "${spec}", which it extends`, file: by.file, hint: hintFor(spec, isPath) },
  ]);
}

function hintFor(spec: string, isPath: boolean): string {
  if (isPath) return "a path is relative to the file that extends it";
  const [, bundled] = PRESET_SPEC.exec(spec) ?? [];
  if (bundled !== undefined) return didYouMean(bundled, bundledPresetNames()) ?? "`fledge presets` lists them";
  const name = spec.replace(/^fledge\/presets\//, "");
  if (bundledPresetNames().includes(name)) return `did you mean "${PACKAGE}/presets/${name}", which comes with fledge?`;
  return `npm install --save-dev ${packageOf(spec)}, or write ./${spec} for a folder`;
}

function packageOf(spec: string): string {
  return spec
    .split("/")
    .slice(0, spec.startsWith("@") ? 2 : 1)
    .join("/");
}

/** Those of Node's own that hold for `import` and `require` alike, and those that the user gives to Node. */
const NODE_CONDITIONS: readonly string[] = ["node", "node-addons", "module-sync", "default", ...userConditions()];

function userConditions(): string[] {
  const words = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? "").split(/\s+/)];
  return words.flatMap((word, index) => {
    const [, value] = /^(?:-C|--conditions)=(.+)$/.exec(word) ?? [];
    return value ?? (word === "-C" || word === "--conditions" ? (words[index + 1] ?? []) : []);
  });
}

/** By Node's rules for `import`, else for `require`, and with TypeScript entries; what is bundled is there without an installation. */
async function resolvePackage(spec: string, from: string): Promise<string | undefined> {
  const { resolveModulePath } = await import("exsolve");
  const find = (conditions: string[]): string | undefined =>
    resolveModulePath(spec, {
      from,
      try: true,
      conditions: [...conditions, ...NODE_CONDITIONS],
      suffixes: ["", "/index", "/fledge.config"],
      extensions: [".ts", ".mts", ".cts", ".js", ".mjs", ".cjs"],
      cache: false,
    });
  const found = find(["import"]) ?? find(["require"]);
  return found === undefined ? bundledPreset(spec) : join(found);
}

/** Checks a layer. Throws one `config` error with every problem in it. */
export function toLayer(raw: RawLayer): Layer {
  refuse(explain(layerSchema, raw.value), raw.file);
  const { hooks, stages, extends: _extends, meta, ...values } = raw.value as LayerInput;
  const rebased = rebase(values, raw.absolute);
  refuse(rebased.findings, raw.file);
  return {
    origin: meta?.name ?? raw.spec ?? raw.file,
    file: raw.file,
    values: rebased.values,
    hooks,
    stages: stages ?? [],
    mappingKeys: rebased.mappingKeys,
    warnings: raw.warnings ?? [],
    inferred: raw.inferred ?? [],
  };
}
