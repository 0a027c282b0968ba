import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { baselineFileOf } from "../../budget/baseline.ts";
import type { Project } from "../../config/project.ts";
import type { ResolvedPlugin } from "../../contract/plugin.ts";
import type { Warning } from "../../lib/context.ts";
import { FledgeError } from "../../lib/errors.ts";
import type { WatchedPath } from "../../lib/files/watched.ts";
import { findLock } from "../../lock/file.ts";
import { inputPaths, isOutput } from "../../pipeline/watched.ts";
import { isInside } from "./inside.ts";
import { packageFolders } from "./packages.ts";
import { type Omits, ProjectTree } from "./tree.ts";

/** What of a project goes into a bundle. */
export type CollectOptions = {
  /** The plugins that are to be built from it; default all. Configs of others go with it, their files do not. */
  readonly plugins?: readonly ResolvedPlugin[];
  /** What `loadProject` has told of modules of packages. */
  readonly packageFiles?: Iterable<string>;
  /** Files and folders that hooks and stages read by themselves; absolute. */
  readonly include?: readonly string[];
  /** The folder that the bundle is of; default the repository, else the one that holds the config and its modules. */
  readonly top?: string | undefined;
  /** Instead of the manifest.toml beside the config; absolute. */
  readonly manifestFile?: string | undefined;
};

/** What goes into a bundle. */
export type Collected = {
  readonly tree: ProjectTree;
  /** Relative to the top. */
  readonly config: string;
  readonly manifest?: string;
  /** What stays behind, and what that means. */
  readonly warnings: readonly Warning[];
};

/**
 * What a build elsewhere needs of a project: the config with its modules and their packages, presets, mapped files, what
 * the source is made of, lock and baseline. Throws a `source` error for what cannot be sent, an `io` error for what
 * cannot be read.
 */
export async function collectProject(project: Project, options: CollectOptions = {}): Promise<Collected> {
  const { plugins = project.members.flatMap((member) => member.plugins), manifestFile } = options;
  const reads = existing([project.file, ...project.members.flatMap((member) => member.reads)]);
  const tree = new ProjectTree(realpathSync(options.top ?? topOf(project, reads)));
  const file = placed(tree, project.file);
  if (file === undefined) {
    throw new FledgeError("usage", `the config ${project.file} is not in ${tree.top}`, {
      hint: "name a folder above it",
    });
  }
  const outside = new Set<string>();
  const add = (path: string, extra: Pick<WatchedPath, "accepts"> = {}, omits: Omits = nothing): void => {
    const place = placed(tree, path);
    if (place === undefined) outside.add(path);
    else tree.add({ path: place, ...extra }, omits);
  };
  for (const path of reads) for (const one of withSurroundings(path, tree.top)) add(one);
  for (const folder of packageFolders([...reads, ...(options.packageFiles ?? [])], reads)) add(folder);
  for (const path of options.include ?? []) add(path);
  if (manifestFile !== undefined) add(manifestFile);
  for (const plugin of plugins) {
    const isMade = isOutput([plugin]);
    for (const { path, accepts } of inputPaths(plugin)) add(path, accepts === undefined ? {} : { accepts }, isMade);
    for (const path of await besides(plugin)) add(path);
  }
  const manifest = manifestFile === undefined ? undefined : placed(tree, manifestFile);
  return {
    tree,
    config: relative(tree.top, file),
    ...(manifest !== undefined && { manifest: relative(tree.top, manifest) }),
    warnings: [...outside].filter((path) => existsSync(path)).map((path) => staysBehind(path, tree.top)),
  };
}

const nothing = (): boolean => false;

/** The name of a path below the top of the tree; undefined when it is outside. */
function placed(tree: ProjectTree, path: string): string | undefined {
  const absolute = resolve(path);
  if (tree.holds(absolute)) return absolute;
  // The folder may have another name than the real one, as by a symlink above the project.
  const folder = existsSync(dirname(absolute)) ? realpathSync(dirname(absolute)) : dirname(absolute);
  const real = join(folder, absolute.slice(dirname(absolute).length));
  return tree.holds(real) ? real : undefined;
}

function topOf({ file }: Project, reads: readonly string[]): string {
  const start = dirname(file);
  for (let at = start; at !== dirname(at); at = dirname(at)) if (existsSync(join(at, ".git"))) return at;
  return reads.filter(isOwn).reduce((top, path) => commonFolder(top, path), start);
}

/** Neither a package, which may be installed for a whole machine, nor one of the files that are looked for further up. */
function isOwn(path: string): boolean {
  return !path.includes("/node_modules/") && !/\/(tsconfig[^/]*\.json|\.env[^/]*)$/.test(path);
}

function commonFolder(folder: string, path: string): string {
  let top = folder;
  while (!isInside(top, path)) top = dirname(top);
  return top;
}

function existing(paths: readonly string[]): string[] {
  return [...new Set(paths)].filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
}

/** A module, and what says how it is read: each package.json above it, and what a tsconfig.json extends. */
function withSurroundings(path: string, top: string): string[] {
  const found = [path, ...extendedBy(path)];
  for (let at = dirname(path); isInside(top, at); at = dirname(at)) {
    const file = join(at, "package.json");
    if (existsSync(file)) found.push(file);
    if (at === dirname(at)) break;
  }
  return found;
}

/** Not parsed as a whole: it may have comments, and what is missing is a warning where the config is read. */
function extendedBy(path: string, seen: readonly string[] = []): string[] {
  if (!/\/tsconfig[^/]*\.json$/.test(path) || seen.includes(path) || !existsSync(path)) return [];
  const [, value = ""] = /"extends"\s*:\s*("[^"]*"|\[[^\]]*\])/.exec(readFileSync(path, "utf8")) ?? [];
  const specs = [...value.matchAll(/"(\.{1,2}\/[^"]*)"/g)].map(([, spec = ""]) => join(dirname(path), spec));
  const files = specs
    .map((spec) => (spec.endsWith(".json") ? spec : `${spec}.json`))
    .filter((file) => existsSync(file));
  return files.flatMap((file) => [file, ...extendedBy(file, [...seen, path])]);
}

/** What a build reads beside its inputs. */
async function besides(plugin: ResolvedPlugin): Promise<string[]> {
  const lock = await findLock(plugin.root ?? plugin.baseDir);
  return [...(lock === undefined ? [] : [lock]), baselineFileOf(plugin)].filter((path) => existsSync(path));
}

function staysBehind(path: string, top: string): Warning {
  return {
    message: `${path} is not sent, being outside of ${top}: the machine that builds uses what it has there`,
    hint: "--bundle-root names a folder that holds both, for a path that the config writes as a relative one",
  };
}
