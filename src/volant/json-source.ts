import { FledgeError } from "../lib/errors.ts";

/** A JSON document with the place of each value, so that a problem can be shown where it is written. */
export type JsonSource = {
  readonly value: unknown;
  /** Line and column, from 1, of the value at a path, or of the nearest parent that exists. */
  locate(path: readonly PropertyKey[]): Position;
};

export type Position = { readonly line: number; readonly column: number };

/**
 * Reads JSON (RFC 8259) and remembers where each value starts. Node's own parser names no position for some mistakes
 * and no line for any. Throws a `manifest` error at `file:line:column` for a mistake or a key that is given twice.
 */
export function readJson(text: string, file: string): JsonSource {
  const offsets = new Map<string, number>();
  const fail = (offset: number, what: string): never => {
    const { line, column } = positionOf(text, offset);
    const message = `${file}:${line}:${column}: not valid JSON: ${what}`;
    throw new FledgeError("manifest", message, {
      problems: [{ message: `not valid JSON: ${what}`, file, line, column }],
    });
  };
  scan(text, { offsets, fail });
  return {
    value: JSON.parse(text),
    locate(path) {
      for (let length = path.length; length > 0; length--) {
        const offset = offsets.get(keyOf(path.slice(0, length)));
        if (offset !== undefined) return positionOf(text, offset);
      }
      return positionOf(text, offsets.get(keyOf([])) ?? 0);
    },
  };
}

type Scanner = { offsets: Map<string, number>; fail(offset: number, what: string): never };

const SPACE = /[ \t\r\n]*/y;
const STRING = /"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|true(?!\w)|false(?!\w)|null(?!\w)/y;

function scan(text: string, { offsets, fail }: Scanner): void {
  let at = text.startsWith("\ufeff") ? fail(0, "it starts with a byte order mark") : 0;

  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    at += found?.length ?? 0;
    return found;
  };
  const take = (character: string): boolean => {
    match(SPACE);
    if (text[at] !== character) return false;
    at++;
    return true;
  };
  const expected = (what: string): never => {
    match(SPACE);
    return fail(
      at,
      at >= text.length ? `it ends where ${what} should be` : `${what} expected, found ${shown(text, at)}`,
    );
  };

  const value = (path: PropertyKey[]): void => {
    match(SPACE);
    if (!offsets.has(keyOf(path))) offsets.set(keyOf(path), at);
    if (take("{")) members(path);
    else if (take("[")) items(path);
    else if (match(STRING) === undefined && match(SCALAR) === undefined) expected("a value");
  };
  const members = (path: PropertyKey[]): void => {
    if (take("}")) return;
    const seen = new Set<string>();
    do {
      match(SPACE);
      const start = at;
      const literal = match(STRING) ?? expected("a key in double quotes");
      const key = String(JSON.parse(literal));
      if (seen.has(key)) fail(start, `the key ${literal} is given twice`);
      seen.add(key);
      // A problem is about the member, so it is shown at the key.
      offsets.set(keyOf([...path, key]), start);
      if (!take(":")) expected("a colon");
      value([...path, key]);
    } while (take(","));
    if (!take("}")) expected('a comma or "}"');
  };
  const items = (path: PropertyKey[]): void => {
    if (take("]")) return;
    let index = 0;
    do value([...path, index++]);
    while (take(","));
    if (!take("]")) expected('a comma or "]"');
  };

  value([]);
  match(SPACE);
  if (at < text.length) fail(at, `${shown(text, at)} after the end`);
}

function keyOf(path: readonly PropertyKey[]): string {
  return JSON.stringify(path.map(String));
}

function shown(text: string, offset: number): string {
  return JSON.stringify(String.fromCodePoint(text.codePointAt(offset) ?? 0));
}

function positionOf(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: [...before.slice(lineStart)].length + 1 };
}
