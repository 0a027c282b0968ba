import { FledgeError } from "../lib/errors.ts";
import { isPlainObject } from "../lib/json.ts";
import type { Comments } from "./comments.ts";

const WIDTH = 80;

/** Where a value stands: under which keys, how deep, and how much of its line is taken. */
type Place = { readonly path: readonly string[]; readonly depth: number; readonly column: number };

/**
 * Plain data as a TypeScript object with a line for each key; what is inside stands on one line where it fits, unless
 * a comment belongs there. Throws a `config` error for a value that no literal can hold.
 */
export function objectLiteral(value: Readonly<Record<string, unknown>>, comments: Comments): string {
  return broken("{}", membersOf(value, { path: [], depth: 0, column: WIDTH }, comments), 0);
}

/** `// text`, on one line whatever the text is. */
export function commentLine(text: string): string {
  return `// ${text.replace(/[\n\r\u2028\u2029]/g, " ")}`.trimEnd();
}

function literal(value: unknown, place: Place, comments: Comments): string {
  if (Array.isArray(value)) return array(value, place, comments);
  if (!isPlainObject(value)) return scalar(value, place.path);
  const members = membersOf(value, place, comments);
  return fits(members, place) ? oneLine("{}", members) : broken("{}", members, place.depth);
}

/** Comments about an element stand above the array's key. */
function array(value: readonly unknown[], { path, depth, column }: Place, comments: Comments): string {
  const below: Comments = { ...comments, at: () => [] };
  const items = value.map((item) => literal(item, { path, depth: depth + 1, column: 2 * (depth + 1) }, below));
  return fits(items, { path, depth, column }) ? oneLine("[]", items) : broken("[]", items, depth);
}

function membersOf(value: Readonly<Record<string, unknown>>, { path, depth }: Place, comments: Comments): string[] {
  const indent = "  ".repeat(depth + 1);
  return Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .map(([name, item]) => {
      const key = keyOf(name);
      const inner = { path: [...path, name], depth: depth + 1, column: indent.length + key.length + 2 };
      const above = comments.at(inner.path).map((line) => `${commentLine(line)}\n${indent}`);
      return `${above.join("")}${key}: ${literal(item, inner, comments)}`;
    });
}

function fits(items: readonly string[], { column }: Place): boolean {
  const line = oneLine("{}", items);
  return !line.includes("\n") && column + line.length < WIDTH;
}

type Brackets = "{}" | "[]";

function oneLine(brackets: Brackets, items: readonly string[]): string {
  if (items.length === 0) return brackets;
  return brackets === "{}" ? `{ ${items.join(", ")} }` : `[${items.join(", ")}]`;
}

function broken([open = "", close = ""]: string, items: readonly string[], depth: number): string {
  const indent = "  ".repeat(depth);
  return [open, ...items.map((item) => `${indent}  ${item},`), `${indent}${close}`].join("\n");
}

function scalar(value: unknown, path: readonly string[]): string {
  if (typeof value === "string") return text(value);
  if (typeof value === "boolean") return String(value);
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  const what = value instanceof Date ? "a date" : `a ${typeof value}`;
  throw new FledgeError("config", `${path.join(".")} holds ${what}, which has no literal in TypeScript`, {
    hint: "make it a string, or write the config by hand",
  });
}

/** Several lines are a template literal where they can be read as they are. */
function text(value: string): string {
  const isPlain = /\n./.test(value) && !/[^\n\t\P{Cc}]|[\u2028\u2029]/u.test(value);
  return isPlain ? `\`${value.replace(/[\\`]|\$(?=\{)/g, "\\$&")}\`` : JSON.stringify(value);
}

/** `__proto__` as a plain or quoted key would set the prototype. */
function keyOf(key: string): string {
  if (key === "__proto__") return '["__proto__"]';
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key);
}
