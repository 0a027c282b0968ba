import { dirname, isAbsolute, join } from "node:path";
import { didYouMean } from "../lib/suggest.ts";
import { evaluateFile, evaluateUse, plainLayer, type Reading } from "./evaluate.ts";
import { configError, explain } from "./explain.ts";
import { findLayer } from "./find.ts";
import type { Extender, RawLayer } from "./layer.ts";
import { bundledPreset, bundledPresetNames, PACKAGE, PRESET_SPEC } from "./own-files.ts";
import { isPreset, isPresetUse } from "./preset-use.ts";
import { layerSchema } from "./schema.ts";

/** An entry of `extends`, and by whom: the layers from the plugin's config down to the one that wrote it. */
export type Extension = { readonly entry: Entry; readonly chain: readonly Extender[] };

type Entry = { readonly spec: string; readonly options: unknown } | { readonly inline: unknown };

/** The entries of a layer's `extends`, in the order written. */
export function extensionsOf(raw: RawLayer, above: readonly Extender[]): Extension[] {
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
export async function readExtension({ entry, chain }: Extension, reading: Reading): Promise<RawLayer> {
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
