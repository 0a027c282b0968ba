import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, extname, join, normalize, relative, resolve } from "node:path";
import { isFledgeError } from "../lib/errors.ts";
import type { WatchedPath } from "../lib/files/watched.ts";
import { isPlainObject } from "../lib/json.ts";
import { type Pattern, parsePattern } from "../lib/pattern.ts";
import { configError, explain, type Finding, refuse } from "./explain.ts";
import { CONFIG_EXTENSIONS, CONFIG_NAMES, configIn, findConfig } from "./find.ts";
import { workspaceSchema } from "./schema.ts";

/** What is said of a key beside `plugins`. */
export const BESIDE_PLUGINS = {
  message: "has no place beside plugins: a workspace is nothing but the configs that it names",
  hint: "put what they share into a preset that each of them extends",
} as const;

/** The patterns of an export that is a workspace; undefined for a plugin. Throws a `config` error. */
export function workspaceOf(exported: unknown, file: string): readonly string[] | undefined {
  if (!isPlainObject(exported) || exported.plugins === undefined) return undefined;
  const { plugins, ...others } = exported;
  const findings = [
    ...Object.keys(others).map((key): Finding => ({ path: [key], at: "key", ...BESIDE_PLUGINS })),
    ...explain(workspaceSchema, { plugins }),
  ];
  refuse(findings, file);
  return plugins as string[];
}

export type Members = {
  /** The config files, each once, in the order of the patterns. */
  readonly files: readonly string[];
  /** Where a config would be a member if it came to be there. */
  readonly searched: readonly WatchedPath[];
};

/**
 * The configs that a workspace's patterns name; a pattern that begins with `!` takes away what it matches. Throws a
 * `config` error with every pattern that names none.
 */
export function findMembers(file: string, patterns: readonly string[]): Members {
  const files = new Set<string>();
  const searched: WatchedPath[] = [];
  const problems: { message: string; hint?: string; file: string }[] = [];
  const excluded = patterns
    .filter((text) => text.startsWith("!"))
    .map((text) => parsePattern(normalize(text.slice(1))));
  const isExcluded = (member: string): boolean => {
    const path = relative(dirname(file), member);
    return excluded.some(({ matches }) => matches(path) || matches(dirname(path)));
  };
  for (const text of patterns.filter((text) => !text.startsWith("!"))) {
    const pattern = parsePattern(text);
    if (pattern.isGlob) {
      const search = searchOf(dirname(file), pattern);
      searched.push(search.watched);
      const found = filesBelow(search).filter((found) => found !== file && !isExcluded(found));
      if (found.length === 0) problems.push({ message: `"${text}" matches no folder that has a config`, file });
      for (const member of found) files.add(member);
    } else {
      const found = named(dirname(file), text);
      if ("message" in found) problems.push({ ...found, file });
      else if (found.file === file) problems.push({ message: `"${text}" is the workspace itself`, file });
      else files.add(found.file);
    }
  }
  if (problems.length > 0) throw configError(problems);
  return { files: [...files], searched };
}

function named(folder: string, path: string): { file: string } | { message: string; hint?: string } {
  try {
    return { file: findConfig(folder, path) };
  } catch (error) {
    if (!isFledgeError(error)) throw error;
    return { message: error.message, ...(error.hint !== undefined && { hint: error.hint }) };
  }
}

type Search = {
  readonly folder: string;
  readonly pattern: Pattern;
  readonly maxDepth: number;
  readonly watched: WatchedPath;
};

function searchOf(start: string, { base, rest }: Pattern): Search {
  const folder = resolve(start, base);
  const pattern = parsePattern(rest);
  // Braces may hold a slash, so nothing can be said of how deep they reach.
  const maxDepth = /\*\*|[{(]/.test(rest) ? Number.POSITIVE_INFINITY : rest.split("/").length;
  const isCandidate = (path: string): boolean => CONFIG_NAMES.includes(basename(path)) || pattern.matches(path);
  return {
    folder,
    pattern,
    maxDepth,
    watched: {
      path: folder,
      onlyFiles: true,
      accepts: (path, isFolder) =>
        isFolder ? !isSkipped(basename(path)) && depthOf(path) <= maxDepth : isConfigName(path) && isCandidate(path),
    },
  };
}

/** A folder that matches stands for the config in it; a file has to be a config. */
function filesBelow(search: Search, folder = search.folder): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    if (isSkipped(entry.name)) return [];
    const path = join(folder, entry.name);
    const inside = relative(search.folder, path);
    const deeper = entry.isDirectory() && depthOf(inside) < search.maxDepth ? filesBelow(search, path) : [];
    if (!search.pattern.matches(inside)) return deeper;
    const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
    const own = isFolder ? configIn(path) : isMemberFile(search, path) ? path : undefined;
    return [...(own === undefined ? [] : [own]), ...deeper];
  });
}

/** `plugins/*` is about folders; a file beside them may be a preset, unless the pattern says what files are called. */
function isMemberFile({ pattern }: Search, path: string): boolean {
  return CONFIG_NAMES.includes(basename(path)) || (CONFIG_EXTENSIONS.has(extname(pattern.text)) && isConfigName(path));
}

function isConfigName(path: string): boolean {
  return CONFIG_EXTENSIONS.has(extname(path));
}

function isSkipped(name: string): boolean {
  return name.startsWith(".") || name === "node_modules";
}

function depthOf(path: string): number {
  return path.split("/").length;
}
