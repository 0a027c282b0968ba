import { basename } from "node:path";
import { z } from "zod";
import { FledgeError, type Problem } from "../lib/errors.ts";
import { isPlainObject } from "../lib/json.ts";
import { didYouMean } from "../lib/suggest.ts";
import { membersOf, pickVariant, unwrap } from "./variants.ts";

export type Path = readonly (string | number)[];

/** What is wrong at one place of plain data, without knowing yet which file and line that is. */
export type Finding = {
  readonly path: Path;
  /** Whether the key itself is wrong, or what it holds. */
  readonly at: "key" | "value";
  readonly message: string;
  readonly hint?: string;
};

/** Everything that is wrong with a value, in the words of the format it was written in. Empty when it is valid. */
export function explain(schema: z.ZodType, value: unknown, word: "object" | "table" = "object"): Finding[] {
  const findings = [...protoKeys(value, []), ...inspect(schema, value, [], word)];
  if (findings.length > 0) return findings;
  // Rules over a whole object are known to zod only.
  return issuesOf(schema, value, []);
}

/** `__proto__` is no key like others to JavaScript, nor to zod, which would drop it in silence. */
function protoKeys(value: unknown, path: Path): Finding[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => protoKeys(item, [...path, index]));
  if (!isPlainObject(value) || path.length > 32) return [];
  return Object.entries(value).flatMap(([key, item]) => {
    if (key !== "__proto__") return protoKeys(item, [...path, key]);
    return [{ ...finding([...path, key], "is not a name that a key can have", "choose another"), at: "key" as const }];
  });
}

/** `manifest.actions["do it"].path` */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    if (!/^[\w:-]+$/.test(part)) return `${text}[${JSON.stringify(part)}]`;
    return text === "" ? part : `${text}.${part}`;
  }, "");
}

/** A finding as a problem of a file: `agent.relase: unknown key`. */
export function problemOf({ path, message, hint }: Finding, file: string): Problem {
  const key = formatPath(path);
  return { message: key === "" ? message : `${key}: ${message}`, file, ...(hint !== undefined && { hint }) };
}

/** Throws one `config` error with all that was found in a file; returns when that is nothing. */
export function refuse(findings: readonly Finding[], file: string): void {
  if (findings.length > 0) throw configError(findings.map((finding) => problemOf(finding, file)));
}

function inspect(schema: z.ZodType, value: unknown, path: Path, word: string): Finding[] {
  if (schema.safeParse(value).success) return [];
  if (value === undefined) return [finding(path, "is missing", `expected ${expected(schema, word)}`)];
  const inner = unwrap(schema);
  const inside = inspectInside(inner, value, path, word);
  if (inside.length > 0) return inside;
  const issues = issuesOf(inner, value, path);
  return issues.some((issue) => issue.message === "") ? [mismatch(inner, value, path, word)] : issues;
}

/** What is wrong with the parts of a value. */
function inspectInside(schema: z.ZodType, value: unknown, path: Path, word: string): Finding[] {
  if (schema instanceof z.ZodUnion) return inspectUnion(schema, value, path, word);
  if (schema instanceof z.ZodObject && isPlainObject(value)) return inspectObject(schema, value, path, word);
  if (schema instanceof z.ZodArray && Array.isArray(value)) {
    return value.flatMap((item, index) => inspect(schema.element as z.ZodType, item, [...path, index], word));
  }
  if (!(schema instanceof z.ZodRecord && isPlainObject(value))) return [];
  return Object.entries(value).flatMap(([key, item]) => [
    ...issuesOf(schema.keyType as z.ZodType, key, [...path, key]).map((found) => ({ ...found, at: "key" as const })),
    ...(item === undefined
      ? [finding([...path, key], "is undefined", unsetHint(key))]
      : inspect(schema.valueType as z.ZodType, item, [...path, key], word)),
  ]);
}

/** Of records of the user's own keys: nobody writes undefined, but a variable that is not set is. */
function unsetHint(key: string): string {
  return `as a variable of the environment is that is not set: set ${key}, or write a default, env.${key} ?? ""`;
}

function inspectObject(schema: z.ZodObject, value: Record<string, unknown>, path: Path, word: string): Finding[] {
  const known = Object.keys(schema.shape);
  const unknown = Object.keys(value).filter((key) => value[key] !== undefined && !known.includes(key));
  return [
    ...unknown.map((key) => unknownKey(key, known, path)),
    ...known.flatMap((key) => inspect(schema.shape[key] as z.ZodType, value[key], [...path, key], word)),
  ];
}

function inspectUnion(schema: z.ZodUnion, value: unknown, path: Path, word: string): Finding[] {
  const choice = pickVariant(schema, value);
  switch (choice.kind) {
    case "variant":
      return inspect(choice.schema, value, path, word);
    case "mixed":
      return [exclusive(schema, choice.keys, path)];
    case "word":
      return [wrongWord((value as Record<string, unknown>)[choice.key], choice.words, [...path, choice.key])];
    case "unnamed": {
      const unknown = Object.keys(value as object).filter((key) => !choice.known.includes(key));
      if (unknown.length > 0) return unknown.map((key) => unknownKey(key, choice.known, path));
      return [finding(path, `needs one of ${quoted(choice.keys)}`)];
    }
    case "mismatch":
      return [mismatch(schema, value, path, word)];
  }
}

/** A union says by `.meta({ exclusive })` why its variants do not go together, where that needs saying. */
function exclusive(schema: z.ZodUnion, keys: readonly string[], path: Path): Finding {
  const own = schema.meta()?.exclusive;
  if (typeof own === "string") return finding(path, own, "keep one of them");
  return finding(path, `${quoted(keys, " and ")} exclude each other`, "keep one of them");
}

function unknownKey(key: string, known: readonly string[], path: Path): Finding {
  const hint = didYouMean(key, known);
  return { ...finding([...path, key], "unknown key", hint), at: "key" };
}

function wrongWord(value: unknown, words: readonly string[], path: Path): Finding {
  const hint = typeof value === "string" ? didYouMean(value, words) : undefined;
  return finding(
    path,
    `expected ${quoted(words, " or ")}, got ${show(value)}`,
    hint?.startsWith("did") ? hint : undefined,
  );
}

function mismatch(schema: z.ZodType, value: unknown, path: Path, word: string): Finding {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodEnum) return wrongWord(value, inner.options as string[], path);
  const own = schema.safeParse(value).error?.issues[0];
  if (own !== undefined && !byZod(own)) return finding(path, own.message);
  const hint = inner.meta()?.hint;
  const message = `expected ${expected(inner, word)}, got ${show(value)}`;
  return finding(path, message, typeof hint === "string" ? hint : undefined);
}

/** What zod says of a scalar; an empty message when `mismatch` says it better. */
function issuesOf(schema: z.ZodType, value: unknown, path: Path): Finding[] {
  const result = schema.safeParse(value);
  if (result.success) return [];
  return result.error.issues.map((issue) => {
    const place = [...path, ...issue.path.map((part) => (typeof part === "number" ? part : String(part)))];
    return { ...finding(place, sentence(issue, value), hintOf(issue)), at: keyIssue(issue) ? "key" : "value" };
  });
}

function sentence(issue: z.core.$ZodIssue, value: unknown): string {
  if (!byZod(issue))
    return issue.path.length === 0 && issue.message.startsWith("is ")
      ? `${show(value)} ${issue.message}`
      : issue.message;
  switch (issue.code) {
    case "too_small":
      if (issue.minimum === 1 && issue.origin !== "number" && issue.origin !== "int") return "must not be empty";
      return `must be ${issue.inclusive ? "at least" : "more than"} ${issue.minimum}, got ${show(value)}`;
    case "too_big":
      return `must be ${issue.inclusive ? "at most" : "less than"} ${issue.maximum}, got ${show(value)}`;
    default:
      return issue.message.startsWith("Invalid input") || issue.message.startsWith("Invalid option")
        ? ""
        : issue.message;
  }
}

/** Whether a message is zod's own and not one that an `options.ts` gives. */
function byZod(issue: z.core.$ZodIssue): boolean {
  return /^(Invalid|Too small|Too big|Unrecognized)\b/.test(issue.message);
}

function hintOf(issue: z.core.$ZodIssue): string | undefined {
  const hint = issue.code === "custom" ? issue.params?.hint : undefined;
  return typeof hint === "string" ? hint : undefined;
}

function keyIssue(issue: z.core.$ZodIssue): boolean {
  return issue.code === "custom" && issue.params?.at === "key";
}

function expected(schema: z.ZodType, word: string): string {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion) return unionExpected(inner, word);
  if (inner instanceof z.ZodLiteral) return [...inner.values].map((value) => show(value)).join(" or ");
  if (inner instanceof z.ZodEnum) return quoted(inner.options as string[], " or ");
  if (inner instanceof z.ZodObject || inner instanceof z.ZodRecord) return `${word === "object" ? "an" : "a"} ${word}`;
  if (inner instanceof z.ZodArray || inner instanceof z.ZodTuple) return "a list";
  if (inner instanceof z.ZodString) return "a string";
  if (inner instanceof z.ZodNumber) return inner.format === null ? "a number" : "a whole number";
  if (inner instanceof z.ZodBoolean) return "true or false";
  const own = inner.meta()?.expected;
  return typeof own === "string" ? own : "another kind of value";
}

function unionExpected(union: z.ZodUnion, word: string): string {
  const members = membersOf(union);
  const objects = members.filter((member) => member instanceof z.ZodObject);
  const others = members.filter((member) => !(member instanceof z.ZodObject || member instanceof z.ZodCustom));
  const keys = objects.flatMap((object) => Object.keys(object.shape).slice(0, 1));
  const object = expected(z.object({}), word);
  const objectText =
    objects.length === 0 ? [] : [objects.length > 1 ? `${object} with one of ${quoted([...new Set(keys)])}` : object];
  return [...new Set([...others.map((member) => expected(member, word)), ...objectText])].join(" or ");
}

function show(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (typeof value === "bigint" || typeof value === "symbol" || value === undefined) return String(value);
  if (value instanceof Date) return `the date ${value.toISOString()}`;
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function quoted(words: readonly string[], between = ", "): string {
  return words.map((word) => JSON.stringify(word)).join(between);
}

function finding(path: Path, message: string, hint?: string): Finding {
  return { path, at: "value", message, ...(hint === undefined ? {} : { hint }) };
}

/** One `config` error for all that was found: the message counts, `problems` has each with its file, line and column. */
export function configError(problems: readonly Problem[], cause?: unknown): FledgeError {
  const files = [...new Set(problems.map((problem) => problem.file).filter((file) => file !== undefined))];
  const where = files.length === 1 && files[0] !== undefined ? basename(files[0]) : "the configuration";
  const count = problems.length === 1 ? "a problem" : `${problems.length} problems`;
  return new FledgeError("config", `${where} has ${count}`, { problems, cause });
}
