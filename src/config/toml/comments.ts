import type { Path } from "../explain.ts";
import { type Entry, entriesOf, syntaxOf } from "./position.ts";

/** A line of comment, without its `#`, and the key that it is about; the empty path is the file. */
export type TomlComment = { readonly path: Path; readonly text: string };

/**
 * The comments of a TOML text, in its order: lines of their own are about the key or table below them, one at the end
 * of a line about the key on that line. Directives for editors (`#:schema`) are left out.
 */
export async function tomlComments(text: string, file: string): Promise<TomlComment[]> {
  const ast = await syntaxOf(text, file);
  const entries = entriesOf(ast.body[0]);
  return ast.comments
    .filter(({ value }) => !/^\s*:schema\b/.test(value))
    .map(({ value, loc }) => ({ path: pathAt(entries, loc.start.line), text: value.replace(/^ /, "").trimEnd() }));
}

function pathAt(entries: readonly Entry[], line: number): Path {
  const isHead = entries.every(({ key }) => key.line > line);
  if (isHead) return [];
  // Of `a.b = 1`, b: the entries of a line stand from the outermost to the innermost.
  const beside = entries.findLast(({ key, value }) => key.line === line || value.line === line);
  const below = entries.find(({ key }) => key.line > line);
  return (beside ?? below)?.path ?? [];
}
