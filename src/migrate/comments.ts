import type { PlacedComment } from "../config/toml/read.ts";
import { snakeCase } from "../config/toml/schema.ts";
import { isPlainObject } from "../lib/json.ts";

/** Lines of comment by the path of the key below them; the empty path is the whole config. */
export type Comments = {
  at(path: readonly string[]): readonly string[];
  /** Whether there are any at a path or below it. */
  isAround(path: readonly string[]): boolean;
};

/** Finds the keys that comments are about; `lost` are those whose key is not in the values, and those in TOML. */
export function placeComments(
  values: unknown,
  comments: readonly PlacedComment[],
): { readonly placed: Comments; readonly lost: readonly string[] } {
  const lines = new Map<string, string[]>();
  const lost: string[] = [];
  for (const { path, text } of comments) {
    const place = path === undefined || isToml(text) ? undefined : find(values, path);
    if (place === undefined) lost.push(text);
    else lines.set(idOf(place), [...(lines.get(idOf(place)) ?? []), text]);
  }
  const placed: Comments = {
    at: (path) => lines.get(idOf(path)) ?? [],
    isAround: (path) => [...lines.keys()].some((id) => id === idOf(path) || id.startsWith(`${idOf(path)}\0`)),
  };
  return { placed, lost };
}

const TABLE = /^\s*\[{1,2}[\w."' -]+\]{1,2}\s*($|[\w"'].*=)/;
const ASSIGNMENT = /^\s*[a-z]+(_[a-z0-9]+)+\s*=\s*("[^"]*"|'[^']*'|\[.*\]|\{.*\}|true|false|[\d_.]+)\s*$/;

/** How to write something in TOML, or a directive for its editors, is of no use in TypeScript. */
function isToml(text: string): boolean {
  return /#:schema\b/.test(text) || TABLE.test(text) || ASSIGNMENT.test(text);
}

/** A path of snake_case keys in the value's own keys. Elements of an array are not told apart. */
function find(value: unknown, [part, ...rest]: readonly (string | number)[]): string[] | undefined {
  if (part === undefined || Array.isArray(value)) return [];
  if (!isPlainObject(value)) return undefined;
  const names = Object.keys(value);
  const key = names.find((name) => name === part) ?? names.find((name) => snakeCase(name) === part);
  const below = key === undefined ? undefined : find(value[key], rest);
  return key === undefined || below === undefined ? undefined : [key, ...below];
}

function idOf(path: readonly string[]): string {
  return path.join("\0");
}
