import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Env } from "../lib/context.ts";
import { configError } from "./explain.ts";
import type { OnRead } from "./modules/importer.ts";

/** The files of a mode, as Vite has them; a later one goes over those before. */
function dotenvNames(mode: string): string[] {
  return [".env", ".env.local", `.env.${mode}`, `.env.${mode}.local`];
}

/**
 * The environment with what the `.env` files beside a config add. What is set already wins over all of them;
 * `process.env` stays as it is. `$NAME`, `${NAME}` and `${NAME:-default}` stand for values of either, `\$` for a dollar:
 * c12 reads the files, but knows no defaults.
 */
export async function withDotenv(folder: string, mode: string, env: Env, onRead: OnRead): Promise<Env> {
  const names = dotenvNames(mode);
  for (const name of names) onRead(join(folder, name));
  const written = new Map(Object.entries(await readFiles(folder, names)));
  const set = new Map(Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
  const added = [...written.keys()].filter((name) => !set.has(name));
  return Object.fromEntries([...set, ...added.map((name) => [name, valueFor(name, { written, set }, [])])]);
}

async function readFiles(folder: string, names: readonly string[]): Promise<Record<string, string>> {
  if (!names.some((name) => existsSync(join(folder, name)))) return {};
  const { loadDotenv } = await import("c12");
  try {
    return (await loadDotenv({ cwd: folder, fileName: [...names], env: {}, interpolate: false })) as Record<
      string,
      string
    >;
  } catch (cause) {
    const { path, code } = cause as NodeJS.ErrnoException;
    if (path === undefined) throw cause;
    throw configError([{ message: `cannot be read (${code})`, file: path }], cause);
  }
}

type Values = { readonly written: ReadonlyMap<string, string>; readonly set: ReadonlyMap<string, string> };

/** Nothing for what refers to itself, as for what is not there. */
function valueFor(name: string, values: Values, above: readonly string[]): string {
  const text = values.set.get(name);
  if (text !== undefined) return text;
  if (above.includes(name)) return "";
  const inner = [...above, name];
  return (values.written.get(name) ?? "").replace(
    /\\\$|\$\{(\w+)(?::?-([^}]*))?\}|\$([A-Za-z_]\w*)/g,
    (match, braced: string | undefined, fallback: string | undefined, bare: string | undefined) => {
      const other = braced ?? bare;
      return other === undefined ? match.slice(1) : valueFor(other, values, inner) || (fallback ?? "");
    },
  );
}
