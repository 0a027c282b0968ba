import type { AST } from "toml-eslint-parser";
import type { Problem } from "../../lib/errors.ts";
import { configError, type Finding, type Path, problemOf } from "../explain.ts";

type Place = { readonly line: number; readonly column: number };
/** A key or a table header, and where it and what it holds begin. */
export type Entry = { readonly path: Path; readonly key: Place; readonly value: Place };

/** Gives each finding its line and column in the TOML text (both from 1). */
export async function locateFindings(text: string, file: string, findings: readonly Finding[]): Promise<Problem[]> {
  const entries = entriesOf((await syntaxOf(text, file)).body[0]);
  return findings
    .map((finding) => ({ finding, place: placeOf(entries, finding) }))
    .sort((a, b) => a.place.line - b.place.line || a.place.column - b.place.column)
    .map(({ finding, place }) => ({ ...problemOf(finding, file), ...place }));
}

/** The text with its places. Throws a `config` error for what the parser of the values lets pass: it is the more lenient one. */
export async function syntaxOf(text: string, file: string): Promise<AST.TOMLProgram> {
  // Slow to load, and needed only when something is wrong, or for comments.
  const { ParseError, parseTOML } = await import("toml-eslint-parser");
  try {
    return parseTOML(text);
  } catch (cause) {
    if (!(cause instanceof ParseError)) throw cause;
    const place = { line: cause.lineNumber, column: cause.column + 1 };
    throw configError([{ message: `not valid TOML: ${cause.message}`, file, ...place }], cause);
  }
}

/** Where the path is written, or else what is nearest above it. */
function placeOf(entries: readonly Entry[], { path, at }: Finding): Place {
  for (let length = path.length; length > 0; length--) {
    const entry = entries.find((entry) => same(entry.path, path.slice(0, length)));
    if (entry !== undefined) return length === path.length && at === "value" ? entry.value : entry.key;
  }
  return { line: 1, column: 1 };
}

/** Every key and header of a TOML file, in the order of the text. */
export function entriesOf(table: AST.TOMLTopLevelTable): Entry[] {
  return table.body.flatMap((node) => {
    if (node.type === "TOMLKeyValue") return keyValue(node, []);
    const place = startOf(node.key);
    const header = { path: node.resolvedKey, key: place, value: place };
    return [header, ...node.body.flatMap((child) => keyValue(child, node.resolvedKey))];
  });
}

function keyValue(node: AST.TOMLKeyValue, above: Path): Entry[] {
  const entries: Entry[] = [];
  let path = above;
  for (const key of node.key.keys) {
    path = [...path, key.type === "TOMLBare" ? key.name : key.value];
    entries.push({ path, key: startOf(key), value: startOf(node.value) });
  }
  return [...entries, ...content(node.value, path)];
}

function content(node: AST.TOMLContentNode, path: Path): Entry[] {
  if (node.type === "TOMLInlineTable") return node.body.flatMap((child) => keyValue(child, path));
  if (node.type !== "TOMLArray") return [];
  return node.elements.flatMap((element, index) => {
    const place = startOf(element);
    return [{ path: [...path, index], key: place, value: place }, ...content(element, [...path, index])];
  });
}

function startOf(node: { loc: { start: Place } }): Place {
  return { line: node.loc.start.line, column: node.loc.start.column + 1 };
}

function same(a: Path, b: Path): boolean {
  return a.length === b.length && a.every((part, index) => part === b[index]);
}
