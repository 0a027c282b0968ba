import { basename, dirname, extname, isAbsolute, resolve } from "node:path";
import { z } from "zod";
import type { Warning } from "../lib/context.ts";
import type { FledgeError } from "../lib/errors.ts";
import { isPlainObject } from "../lib/json.ts";
import type { ConfigEnv } from "./define.ts";
import { configError, explain, type Finding, problemOf } from "./explain.ts";
import type { ToAbsolute } from "./host-paths.ts";
import { type Importing, importDefault, type OnRead } from "./modules/importer.ts";
import { plainPath, userCodeError } from "./modules/user-error.ts";
import { type AnyPresetDefinition, isPreset, isPresetUse } from "./preset-use.ts";
import type { StandardIssue, StandardSchema } from "./standard-schema.ts";
import type { Converted } from "./toml/convert.ts";
import { workspaceOf } from "./workspace.ts";

/** Who a layer is to those that it extends. */
export type Extender = {
  /** Names it, once in a chain. */
  readonly id: string;
  /** The layers of one key are one layer; by default the id. */
  readonly key?: string;
  /** Where it was written, for messages. */
  readonly file: string;
  /** Makes its paths absolute. Throws for a preset that does not say where it is. */
  readonly absolute: ToAbsolute;
};

/** What was read from a file, or what a preset comes to, before it is checked. */
export type RawLayer = Extender & {
  readonly value: unknown;
  /** Of a preset: layers of one key with other options are others. */
  readonly options?: unknown;
  /** How the layer was named by what extends it. */
  readonly spec?: string | undefined;
  readonly warnings?: readonly Warning[];
  readonly inferred?: Converted["inferred"];
};

/** A layer that is a file. */
export function fileOrigin(file: string): Extender {
  return { id: file, file, absolute: (path) => resolve(dirname(file), path) };
}

/** What is told to a config's functions, and who is told of the files that are read. */
export type Reading = Importing & {
  readonly env: ConfigEnv;
  /** The presets that may be code; undefined when all may. */
  readonly declarative: readonly string[] | undefined;
};

/** What a config file describes: plugins (several when it exports an array), or where the configs of others are. */
export type Evaluated = { readonly plugins: readonly RawLayer[] } | { readonly workspace: readonly string[] };

export async function evaluateConfig(file: string, reading: Reading): Promise<Evaluated> {
  if (extname(file) === ".toml") {
    const { workspace, layer } = await tomlConfig(file, reading.onRead);
    return workspace === undefined ? { plugins: [layer] } : { workspace };
  }
  if (reading.declarative !== undefined) {
    const message = "is code, and --declarative takes data only";
    throw configError([
      { message, file, hint: "write a fledge.toml, or leave --declarative out for code that you trust" },
    ]);
  }
  return evaluateExport(await importDefault(file, reading), file, reading.env);
}

/** The same for what a config file would export; `file` is where it would be. */
export async function evaluateExport(value: unknown, file: string, env: ConfigEnv): Promise<Evaluated> {
  const exported = await settle(value, [env], file);
  const workspace = workspaceOf(exported, file);
  if (workspace !== undefined) return { workspace };
  const list = Array.isArray(exported) ? exported : [exported];
  if (list.length === 0) throw configError([{ message: "exports an empty array", file }]);
  const plugins = list.map(async (item) => {
    return { ...fileOrigin(file), value: objectOf(await settle(item, [env], file), file) };
  });
  return { plugins: await Promise.all(plugins) };
}

type Origin = Reading & { readonly by: Extender };

type Named = { readonly spec: string; readonly options: unknown };

/**
 * What an entry of `extends` that names a file or a package stands for. A preset's function gets its options first;
 * another plugin's config gets the environment, as it would when built by itself.
 */
export async function evaluateFile(file: string, { spec, options }: Named, origin: Origin): Promise<RawLayer> {
  const isToml = extname(file) === ".toml";
  const exported = isToml ? undefined : await importDefault(file, origin);
  const found = { file, spec };
  if (isPreset(exported)) return evaluateUse({ preset: exported.preset, options }, origin, found);
  const isConfig = options === undefined && basename(file).startsWith("fledge.config.");
  if (typeof exported === "function" && !isConfig) {
    return evaluateUse({ preset: { setup: exported as AnyPresetDefinition["setup"] }, options }, origin, found);
  }
  if (options !== undefined) throw takesNone(spec, origin.by);
  if (isToml) return { ...(await tomlConfig(file, origin.onRead)).layer, spec };
  const value = isPresetUse(exported) ? { extends: [exported] } : await settle(exported, [origin.env], file);
  if (Array.isArray(value)) throw configError([{ message: "exports several plugins and cannot be extended", file }]);
  return { ...fileOrigin(file), value: objectOf(value, file), spec };
}

function takesNone(spec: string, { file }: Extender): FledgeError {
  return configError([{ message: `"${spec}" is no preset that takes options`, file, hint: `write "${spec}"` }]);
}

/** What a preset comes to with its options; `found` is the file that named it, when it was not written inline. */
export async function evaluateUse(
  { preset, options: given }: { readonly preset: AnyPresetDefinition; readonly options: unknown },
  { by, env }: Origin,
  found?: { readonly file: string; readonly spec: string },
): Promise<RawLayer> {
  const written = found?.file ?? (preset.url === undefined ? by.file : plainPath(preset.url));
  const options = await checkOptions(preset, given, { name: preset.name ?? found?.spec ?? "?", file: by.file });
  let isPlaced = false;
  const resolve = (path: string): string => {
    isPlaced ||= !isAbsolute(path);
    return by.absolute(path);
  };
  const value = objectOf(await settle(preset.setup, [options, { ...env, resolve }], written), written);
  const { name, description, url } = preset;
  const named = name === undefined ? value : { ...value, meta: { name, description, url } };
  const origin = presetOrigin(named, by, found?.file);
  // The same options mean something else elsewhere once a path among them was resolved.
  const key = `${origin.key}\0${isPlaced ? dirname(by.absolute("./x")) : ""}`;
  return { ...origin, key, options, value: named, ...(found !== undefined && { spec: found.spec }) };
}

/** A preset that is plain data, written into `extends` itself. */
export function plainLayer(value: unknown, by: Extender): RawLayer {
  return { ...presetOrigin(value as Record<string, unknown>, by, undefined), value };
}

/** Where a preset is and what its paths are relative to: `meta.url`, else the file that was named. */
function presetOrigin(value: Record<string, unknown>, by: Extender, found: string | undefined): Required<Extender> {
  const { name = "?", url } = (value.meta ?? {}) as { name?: unknown; url?: unknown };
  const file = typeof url === "string" ? plainPath(url) : found;
  if (file !== undefined) {
    const id = `${file}#${name}`;
    return { ...fileOrigin(file), id: found ?? id, key: id };
  }
  const id = `preset "${name}"`;
  return { id, key: `${by.id}\0${id}`, file: by.file, absolute: (path) => absoluteOnly(path, id, by.file) };
}

function absoluteOnly(path: string, who: string, file: string): string {
  if (isAbsolute(path)) return path;
  throw configError([
    {
      message: `${who}: the path "${path}" is relative, and nothing says to what`,
      file,
      hint: "let its definePreset have url: import.meta.url; a path from its options goes through resolve()",
    },
  ]);
}

async function tomlConfig(file: string, onRead: OnRead): Promise<{ workspace?: readonly string[]; layer: RawLayer }> {
  const { readFledgeToml } = await import("./toml/read.ts");
  onRead(file);
  const { values, warnings, inferred, workspace } = await readFledgeToml(file);
  return { ...(workspace && { workspace }), layer: { ...fileOrigin(file), value: values, warnings, inferred } };
}

async function settle(exported: unknown, args: readonly unknown[], file: string): Promise<unknown> {
  try {
    const value = await exported;
    return typeof value === "function" ? await value(...args) : value;
  } catch (thrown) {
    throw userCodeError(thrown, file);
  }
}

function objectOf(value: unknown, file: string): Record<string, unknown> {
  if (isPlainObject(value)) return value;
  const got = value === null ? "null" : Array.isArray(value) ? "an array" : typeof value;
  throw configError([
    { message: `its default export must be an object, got ${got}`, file, hint: "export default definePlugin({ ... })" },
  ]);
}

/**
 * The options of a preset, checked and with their defaults. Throws one `config` error with all that is wrong; `file` is
 * where they were written.
 */
async function checkOptions(
  { options: schema }: AnyPresetDefinition,
  given: unknown,
  { name, file }: { readonly name: string; readonly file: string },
): Promise<unknown> {
  const options = given ?? {};
  if (schema === undefined) return options;
  const strict = strictly(schema);
  const result = await strict["~standard"].validate(options);
  if (result.issues === undefined) return result.value;
  const found = explained(strict, options) ?? result.issues.map(findingOf);
  const problems = found.map((finding) => problemOf(finding, file));
  throw configError(problems.map((problem) => ({ ...problem, message: `preset "${name}": ${problem.message}` })));
}

/** A misspelt option must not be dropped in silence, whether or not the author thought of `z.strictObject`. */
function strictly(schema: StandardSchema): StandardSchema {
  const isLoose = schema instanceof z.ZodObject && schema.def.catchall === undefined;
  return isLoose ? schema.strict() : schema;
}

/** In the words that fledge has for its own options; undefined for other libraries and for rules that are async. */
function explained(schema: StandardSchema, options: unknown): Finding[] | undefined {
  if (!(schema instanceof z.ZodType)) return undefined;
  try {
    return explain(schema, options);
  } catch {
    return undefined;
  }
}

function findingOf({ message, path = [] }: StandardIssue): Finding {
  const keys = path.map((part) => (typeof part === "object" ? part.key : part));
  return { path: keys.map((key) => (typeof key === "number" ? key : String(key))), at: "value", message };
}
