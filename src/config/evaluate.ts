import { basename, extname } from "node:path";
import type { ConfigEnv } from "./define.ts";
import { importDefault } from "./importer.ts";
import type { RawLayer } from "./layer.ts";
import { configError } from "./problems.ts";
import { userCodeError } from "./user-error.ts";
import { isPlainObject } from "./variants.ts";

/** The plugins that a config file describes; more than one when it exports an array. */
export async function evaluateConfig(file: string, env: ConfigEnv): Promise<RawLayer[]> {
  if (extname(file) === ".toml") return [await tomlLayer(file)];
  return pluginsOf(await importDefault(file), file, env);
}

/** The same for what a config file would export; `file` is where it would be. */
export async function pluginsOf(value: unknown, file: string, env: ConfigEnv): Promise<RawLayer[]> {
  const exported = await settle(value, [env], file);
  const list = Array.isArray(exported) ? exported : [exported];
  if (list.length === 0) throw configError([{ message: "exports an empty array", file }]);
  return Promise.all(list.map(async (item) => ({ file, value: objectOf(await settle(item, [env], file), file) })));
}

/**
 * What an `extends` entry stands for. A preset's function gets its options first; another plugin's config gets the
 * environment, as it would when built by itself.
 */
export async function evaluateLayer(
  file: string,
  { spec, options }: { readonly spec: string; readonly options: unknown },
  env: ConfigEnv,
): Promise<RawLayer> {
  if (extname(file) === ".toml") return { ...(await tomlLayer(file)), spec };
  const isConfig = options === undefined && basename(file).startsWith("fledge.config.");
  const args = isConfig ? [env] : [options ?? {}, env];
  const exported = await settle(await importDefault(file), args, file);
  if (Array.isArray(exported)) {
    throw configError([{ message: "exports several plugins and cannot be extended", file }]);
  }
  return { file, value: objectOf(exported, file), spec, options };
}

async function tomlLayer(file: string): Promise<RawLayer> {
  const { readFledgeToml } = await import("./toml/read.ts");
  const { values, warnings, inferred } = await readFledgeToml(file);
  return { file, value: values, warnings, inferred };
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
