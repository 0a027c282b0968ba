import { dirname, isAbsolute, join } from "node:path";
import { evaluateLayer, type Reading } from "./evaluate.ts";
import { explain } from "./explain.ts";
import { findLayer } from "./find.ts";
import type { RawLayer } from "./layer.ts";
import { configError } from "./problems.ts";
import { layerSchema } from "./schema.ts";

/** An entry of `extends`, and by whom: the files from the plugin's config down to the one that wrote it. */
export type Extension = { readonly spec: string; readonly options: unknown; readonly chain: readonly string[] };

/** The entries of a layer's `extends`, in the order written. */
export function extensionsOf(raw: RawLayer, chain: readonly string[]): Extension[] {
  const entries = (raw.value as { extends?: unknown }).extends;
  // The whole layer is checked later; a malformed `extends` has to be caught before it is followed.
  if (explain(layerSchema.pick({ extends: true }), { extends: entries }).length > 0) return [];
  if (entries === undefined) return [];
  const list = (typeof entries === "string" ? [entries] : entries) as (string | [string, unknown])[];
  return list.map((entry) => {
    const [spec, options] = typeof entry === "string" ? [entry, undefined] : entry;
    return { spec, options, chain };
  });
}

/** Reads what an entry points to. Throws a `config` error that names the file that extends it. */
export async function readExtension(extension: Extension, reading: Reading): Promise<RawLayer> {
  const { spec, chain } = extension;
  const from = chain.at(-1) ?? "";
  const file = await resolveSpec(spec, from);
  if (chain.includes(file)) {
    const cycle = [...chain.slice(chain.indexOf(file)), file].join(" -> ");
    throw configError([{ message: `extends itself: ${cycle}`, file: from, hint: "remove one of the extends" }]);
  }
  return evaluateLayer(file, extension, reading);
}

async function resolveSpec(spec: string, from: string): Promise<string> {
  const isPath = spec.startsWith(".") || isAbsolute(spec);
  const file = isPath ? findLayer(dirname(from), spec) : await resolvePackage(spec, from);
  if (file !== undefined) return file;
  const hint = isPath
    ? "a path is relative to the file that extends it"
    : `npm install --save-dev ${spec}, or write ./${spec} for a folder`;
  throw configError([{ message: `cannot find "${spec}", which it extends`, file: from, hint }]);
}

/** By Node's rules for `import`, and with TypeScript entries. */
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
  return found === undefined ? undefined : join(found);
}
