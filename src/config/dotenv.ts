import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "dotenv";
import type { Env } from "../lib/context.ts";
import { errnoOf } from "../lib/errors.ts";
import { configError } from "./explain.ts";
import type { OnRead } from "./modules/importer.ts";

/** The files of a mode, as Vite has them; a later one goes over those before. */
export function dotenvFiles(folder: string, mode: string): string[] {
  return [".env", ".env.local", `.env.${mode}`, `.env.${mode}.local`].map((name) => join(folder, name));
}

/**
 * The environment with what the `.env` files beside a config add. What is set already wins over all of them;
 * `process.env` stays as it is. `$NAME`, `${NAME}` and `${NAME:-default}` stand for values of either, `\$` for a dollar.
 */
export async function withDotenv(folder: string, mode: string, env: Env, onRead: OnRead): Promise<Env> {
  const texts: string[] = [];
  for (const file of dotenvFiles(folder, mode)) {
    onRead(file);
    texts.push(await textOf(file));
  }
  const written = new Map(texts.flatMap((text) => Object.entries(parse(text))));
  const set = new Map(Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
  const added = [...written.keys()].filter((name) => !set.has(name));
  return Object.fromEntries([...set, ...added.map((name) => [name, valueFor(name, { written, set }, [])])]);
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

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    const errno = errnoOf(cause);
    if (errno === "ENOENT" || errno === "ENOTDIR") return "";
    // A virtual environment of Python's may be a folder of that name.
    if (errno === "EISDIR") return "";
    throw configError([{ message: `cannot be read (${errno})`, file }], cause);
  }
}
