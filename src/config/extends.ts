import { dirname, isAbsolute, join } from "node:path";
import { didYouMean } from "../lib/suggest.ts";
import { evaluateFile, evaluateUse, plainLayer, type Reading } from "./evaluate.ts";
import { explain } from "./explain.ts";
import { findLayer } from "./find.ts";
import type { Extender, RawLayer } from "./layer.ts";
import { bundledPreset, bundledPresetNames, PACKAGE, PRESET_SPEC } from "./own-files.ts";
import { isPreset, isPresetUse } from "./preset.ts";
import { configError } from "./problems.ts";
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
  const file = await resolveSpec(entry.spec, by);
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

async function resolveSpec(spec: string, by: Extender): Promise<string> {
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

/** By Node's rules for `import`, and with TypeScript entries; what is bundled is there without an installation. */
async function resolvePackage(spec: string, from: string): Promise<string | undefined> {
  const { resolveModulePath } = await import("exsolve");
  const found = resolveModulePath(spec, {
    from,
    try: true,
    conditions: ["node", "import", "default"],
    suffixes: ["", "/index", "/fledge.config"],
    extensions: [".ts", ".mts", ".js", ".mjs", ".cjs"],
    cache: false,
  });
  return found === undefined ? bundledPreset(spec) : join(found);
}
