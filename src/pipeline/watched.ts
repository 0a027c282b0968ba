import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import { isSibling } from "../lib/files/atomic.ts";
import type { WatchedPath } from "../lib/files/watched.ts";
import { parsePattern } from "../lib/pattern.ts";
import { parseReference } from "../registry/reference.ts";
import type { SourceOptions } from "../sources/options.ts";
import { imagerFor } from "./imager.ts";
import { outputsOf } from "./outputs.ts";

/**
 * The files and folders of this machine that a build of the plugin reads, its config apart: mappings, agent, BusyBox,
 * init, and what its source is made from. They need not exist. Not seen is what hooks and stages read by themselves.
 */
export function watchedPaths(plugin: ResolvedPlugin): WatchedPath[] {
  return readPaths(plugin, SKIPPED);
}

/** The same with all that a Dockerfile's context holds: what is not worth a new build, a build elsewhere needs too. */
export function inputPaths(plugin: ResolvedPlugin): WatchedPath[] {
  return readPaths(plugin, new Set());
}

function readPaths(plugin: ResolvedPlugin, skipped: ReadonlySet<string>): WatchedPath[] {
  const { agent, source, mappings, baseDir } = plugin;
  const files: (string | undefined)[] = mappings.map(({ from }) => from);
  if (agent !== undefined && !("release" in agent)) files.push(localPath(agent, baseDir));
  if (plugin.strategy === "initramfs") {
    if (plugin.busybox !== undefined) files.push(localPath(plugin.busybox, baseDir));
    if (plugin.init.mode === "custom") files.push(plugin.init.from);
  }
  const paths = files.flatMap((path) => (path === undefined ? [] : { path }));
  return [...paths, ...(source === undefined ? [] : sourcePaths(source, skipped))];
}

/** Whether a path is what a build of one of the plugins leaves behind, or has under way. */
export function isOutput(plugins: readonly ResolvedPlugin[]): (path: string) => boolean {
  const outputs = plugins.flatMap((plugin) => {
    const { artifact, manifest } = outputsOf(plugin, imagerFor(plugin));
    return manifest === undefined ? [artifact] : [artifact, manifest];
  });
  const known = new Set(outputs);
  return (path) => known.has(path) || isSibling(basename(path));
}

/** Where a program of this machine is; undefined for what has to be fetched. */
export function localPath(
  from: { readonly path?: string; readonly url?: string },
  baseDir: string,
): string | undefined {
  const { path, url = "https:" } = from;
  if (path !== undefined) return resolve(baseDir, path);
  if (/^https?:/i.test(url)) return undefined;
  return /^file:/i.test(url) ? fileURLToPath(url) : resolve(baseDir, url);
}

function sourcePaths(source: SourceOptions, skipped: ReadonlySet<string>): WatchedPath[] {
  if ("dockerfile" in source) return dockerfilePaths(source.dockerfile, source.context, skipped);
  if ("image" in source) return imagePaths(source.image);
  if ("custom" in source) return []; // What its code reads is its own affair.
  return [{ path: "layout" in source ? source.layout : "archive" in source ? source.archive : rootOf(source) }];
}

function rootOf(source: { readonly tar: string } | { readonly dir: string }): string {
  return "tar" in source ? source.tar : source.dir;
}

/** `oci:` and the archives are files; what a registry or an engine's store has cannot be watched. */
function imagePaths(image: string): WatchedPath[] {
  try {
    const reference = parseReference(image);
    return "path" in reference ? [{ path: resolve(reference.path) }] : [];
  } catch {
    return []; // The build says what is wrong with it.
  }
}

function dockerfilePaths(
  dockerfile: string,
  context: string = dirname(dockerfile),
  skipped: ReadonlySet<string>,
): WatchedPath[] {
  const ignoreFile = [`${dockerfile}.dockerignore`, join(context, ".dockerignore")].find((file) => existsSync(file));
  const isIgnored = ignoreFile === undefined ? () => false : dockerignore(readFileSync(ignoreFile, "utf8"));
  const accepts = (path: string, isFolder: boolean): boolean =>
    !skipped.has(basename(path)) && !isIgnored(path, isFolder);
  return [dockerfile, ignoreFile ?? join(context, ".dockerignore")]
    .map((path): WatchedPath => ({ path }))
    .concat({ path: context, accepts });
}

const SKIPPED = new Set([".git", "node_modules"]);

/**
 * What a .dockerignore leaves out, near enough to know what to rebuild for: the last line that matches decides, and a
 * line also covers what is below what it matches. A folder is looked into when a later `!` might bring back some of it.
 */
function dockerignore(text: string): (path: string, isFolder: boolean) => boolean {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const rules = lines
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const isKept = line.startsWith("!");
      const pattern = (isKept ? line.slice(1) : line).replace(/^\.?\/+|\/+$/g, "");
      const [itself, below] = [parsePattern(pattern), parsePattern(`${pattern}/**`)];
      return { isKept, matches: (path: string) => itself.matches(path) || below.matches(path) };
    });
  const hasKept = rules.some(({ isKept }) => isKept);
  return (path, isFolder) => {
    if (isFolder && hasKept) return false;
    const last = rules.findLast(({ matches }) => matches(path));
    return last !== undefined && !last.isKept;
  };
}
