import { basename, extname } from "node:path";
import type { ConfigEnv } from "./define.ts";
import { importDefault, type OnRead } from "./importer.ts";
import type { RawLayer } from "./layer.ts";
import { configError } from "./problems.ts";
import { userCodeError } from "./user-error.ts";
import { isPlainObject } from "./variants.ts";
import { workspaceOf } from "./workspace.ts";

/** What is told to a config's functions, and who is told of the files that are read. */
export type Reading = { readonly env: ConfigEnv; readonly onRead: OnRead };

/** What a config file describes: plugins (several when it exports an array), or where the configs of others are. */
export type Evaluated = { readonly plugins: readonly RawLayer[] } | { readonly workspace: readonly string[] };

export async function evaluateConfig(file: string, { env, onRead }: Reading): Promise<Evaluated> {
  if (extname(file) === ".toml") {
    const { workspace, layer } = await tomlConfig(file, onRead);
    return workspace === undefined ? { plugins: [layer] } : { workspace };
  }
  return evaluateExport(await importDefault(file, onRead), file, env);
}

/** The same for what a config file would export; `file` is where it would be. */
export async function evaluateExport(value: unknown, file: string, env: ConfigEnv): Promise<Evaluated> {
  const exported = await settle(value, [env], file);
  const workspace = workspaceOf(exported, file);
  if (workspace !== undefined) return { workspace };
  const list = Array.isArray(exported) ? exported : [exported];
  if (list.length === 0) throw configError([{ message: "exports an empty array", file }]);
  const plugins = list.map(async (item) => ({ file, value: objectOf(await settle(item, [env], file), file) }));
  return { plugins: await Promise.all(plugins) };
}

/**
 * What an `extends` entry stands for. A preset's function gets its options first; another plugin's config gets the
 * environment, as it would when built by itself.
 */
export async function evaluateLayer(
  file: string,
  { spec, options }: { readonly spec: string; readonly options: unknown },
  { env, onRead }: Reading,
): Promise<RawLayer> {
  if (extname(file) === ".toml") return { ...(await tomlConfig(file, onRead)).layer, spec };
  const isConfig = options === undefined && basename(file).startsWith("fledge.config.");
  const args = isConfig ? [env] : [options ?? {}, env];
  const exported = await settle(await importDefault(file, onRead), args, file);
  if (Array.isArray(exported)) {
    throw configError([{ message: "exports several plugins and cannot be extended", file }]);
  }
  return { file, value: objectOf(exported, file), spec, options };
}

async function tomlConfig(file: string, onRead: OnRead): Promise<{ workspace?: readonly string[]; layer: RawLayer }> {
  const { readFledgeToml } = await import("./toml/read.ts");
  onRead(file);
  const { values, warnings, inferred, workspace } = await readFledgeToml(file);
  return { ...(workspace && { workspace }), layer: { file, value: values, warnings, inferred } };
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
