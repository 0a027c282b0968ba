import { z } from "zod";
import type { Problem } from "../lib/errors.ts";
import { didYouMean, nearest } from "../lib/suggest.ts";
import { manifestSchema } from "./schema.ts";

export type JsonPath = readonly PropertyKey[];

/** A problem together with the place in the document that it is about. */
export type LocatedProblem = Problem & { readonly path: JsonPath };

/** `workload.entrypoint[0]`, `labels["a.b"]`; the document itself is "the manifest". */
export function jsonPath(path: JsonPath): string {
  let out = "";
  for (const step of path) {
    if (typeof step === "number") out += `[${step}]`;
    else if (/^[\w$-]+$/.test(String(step))) out += out === "" ? String(step) : `.${String(step)}`;
    else out += `[${JSON.stringify(String(step))}]`;
  }
  return out === "" ? "the manifest" : out;
}

/** What a zod issue means to the author of a manifest; one problem for each unknown key. */
export function describeIssue(issue: z.core.$ZodIssue, document: unknown): LocatedProblem[] {
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(key, issue.path, document));
    case "invalid_key":
      return [{ path: issue.path, message: `${jsonPath(issue.path)} ${issue.issues[0]?.message ?? issue.message}` }];
    default:
      return [{ path: issue.path, message: `${jsonPath(issue.path)} ${issue.message}` }];
  }
}

/** The words for what no rule of the schema words by itself; completes "workload.type ...". */
export function describeMismatch(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.input === undefined && (issue.code === "invalid_type" || issue.code === "invalid_value")) {
    return "is missing";
  }
  switch (issue.code) {
    case "invalid_type":
      return `must be ${nameOfType(issue.expected)}, not ${nameOfValue(issue.input)}`;
    case "invalid_value":
      return `must be ${oneOf(issue.values)}, not ${JSON.stringify(issue.input)}`;
    case "too_small":
      return `must be ${issue.inclusive ? "at least" : "more than"} ${issue.minimum}, not ${JSON.stringify(issue.input)}`;
    default:
      return undefined;
  }
}

function unknownKey(key: string, parent: JsonPath, document: unknown): LocatedProblem {
  const path = [...parent, key];
  const hint = ELSEWHERE.get(path.join(".")) ?? suggestion(key, knownKeys(parent), present(parent, document));
  return { path, message: `${jsonPath(path)} is not a key Volant knows`, ...(hint === undefined ? {} : { hint }) };
}

function suggestion(key: string, known: readonly string[], taken: readonly string[]): string | undefined {
  const snake = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replaceAll("-", "_");
  if (known.includes(snake)) return `did you mean "${snake}"?`;
  const free = known.filter((name) => !taken.includes(name));
  return nearest(snake, free) === undefined ? didYouMean(key, known) : didYouMean(snake, free);
}

function present(parent: JsonPath, document: unknown): string[] {
  let value = document;
  for (const step of parent) value = (value as Record<PropertyKey, unknown> | undefined)?.[step];
  return typeof value === "object" && value !== null ? Object.keys(value) : [];
}

/** The keys that the schema has at a place of the document. */
function knownKeys(path: JsonPath): string[] {
  let node: JsonSchema | undefined = z.toJSONSchema(manifestSchema);
  for (const step of path) node = child(node, String(step));
  return Object.keys(node?.properties ?? {}).filter((key) => key !== "$schema");
}

type JsonSchema = z.core.JSONSchema.BaseSchema;

function child(node: JsonSchema | undefined, key: string): JsonSchema | undefined {
  const next = node?.properties?.[key] ?? node?.items ?? node?.additionalProperties;
  return typeof next === "object" && !Array.isArray(next) ? next : undefined;
}

const PROGRAM = "the program and its arguments belong in workload.entrypoint";
const ARGUMENTS = "arguments belong in workload.entrypoint, after the program";
const PORTS = "a manifest has no ports: workload.base_url names the one Volant proxies to, labels can list the others";
const CPU = 'did you mean "cpu_cores"?';
const MEMORY = 'did you mean "memory_mb"?';
const WORKDIR = 'did you mean "workdir"?';
const FILESYSTEM = "a manifest cannot name the filesystem: the operator does, with volant.rootfs_fstype";

/** Keys that people write because manifest.toml or Docker has them, and where what they mean belongs. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ["env", "environment variables belong in workload.env"],
  ["entrypoint", PROGRAM],
  ["command", PROGRAM],
  ["cmd", PROGRAM],
  ["args", ARGUMENTS],
  ["expose", PORTS],
  ["cpu_cores", "it belongs in resources"],
  ["memory_mb", "it belongs in resources"],
  ["workload.args", ARGUMENTS],
  ["workload.command", PROGRAM],
  ["workload.cmd", PROGRAM],
  ["workload.user", "the agent runs the workload as root; switch users in the program itself"],
  ...["cwd", "working_dir", "working_directory"].map((key): [string, string] => [`workload.${key}`, WORKDIR]),
  ["network.expose", PORTS],
  ["initramfs.format", "an initramfs has no format: remove it"],
  ["rootfs.type", FILESYSTEM],
  ["rootfs.fstype", FILESYSTEM],
  ["rootfs.filesystem", FILESYSTEM],
  ...["cpu", "cpus", "vcpus", "cores"].map((key): [string, string] => [`resources.${key}`, CPU]),
  ...["mem", "memory", "ram"].map((key): [string, string] => [`resources.${key}`, MEMORY]),
]);

function oneOf(values: readonly unknown[]): string {
  const texts = values.map((value) => JSON.stringify(value));
  return texts.length < 2 ? texts.join("") : `${texts.slice(0, -1).join(", ")} or ${texts.at(-1)}`;
}

function nameOfType(type: string): string {
  switch (type) {
    case "object":
    case "record":
      return "an object";
    case "array":
      return "an array";
    case "int":
      return "a whole number";
    default:
      return `a ${type}`;
  }
}

function nameOfValue(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : JSON.stringify(value);
}
