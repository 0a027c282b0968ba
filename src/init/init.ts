import { readFileSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { CONFIG_NAMES } from "../config/find.ts";
import { sanitise } from "../config/resolve/identity.ts";
import { NAME_RULE } from "../config/schema.ts";
import type { Env, Warning } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import { existingPaths, type NewFile, writeNewFiles } from "../lib/files/new-files.ts";
import { didYouMean } from "../lib/suggest.ts";
import { fledgeVersion } from "../lib/version.ts";
import { chooseBusybox } from "./busybox.ts";
import { instantiate } from "./instantiate.ts";
import { TEMPLATES, type TemplateName } from "./templates.ts";

const PRESET_PREFIX = "fledge-preset-";

/** Where `initProject` writes, and what. */
export type InitOptions = {
  /** The folder of the project; made when it is not there. Default the working folder. */
  readonly dir?: string;
  readonly template: TemplateName;
  /**
   * What the plugin is called. Default the folder's name. A preset is called as its package; a name without a scope or
   * `fledge-preset-` in front gets the latter.
   */
  readonly name?: string;
  /** Where a BusyBox is looked for. Default `process.env`. */
  readonly env?: Env;
};

/** What `initProject` has written, and what it has left alone. */
export type InitResult = {
  readonly dir: string;
  readonly template: TemplateName;
  readonly name: string;
  /** Relative to `dir`, sorted. */
  readonly written: readonly string[];
  /** What the project had already and kept, and what to add to it. */
  readonly kept: readonly { readonly path: string; readonly todo?: string }[];
  readonly warnings: readonly Warning[];
};

/**
 * Writes a small project that builds at once. Nothing is ever written over: a project keeps its package.json, README
 * and the like, and any other file that is there already is an error that names them all. Throws `usage` and `io`
 * errors; nothing is left behind then.
 */
export async function initProject(options: InitOptions): Promise<InitResult> {
  const dir = resolve(options.dir ?? ".");
  if (statSync(dir, { throwIfNoEntry: false })?.isDirectory() === false) {
    throw new FledgeError("usage", `${dir} is not a folder`, { hint: "name a folder, or a new one" });
  }
  const template = checkTemplate(options.template);
  const { folders, keeps, usesBusybox } = TEMPLATES[template];
  const name = nameFor(template, options.name ?? defaultName(dir));
  const { busybox, warnings } = chooseBusybox(options.env ?? process.env);
  // The value stands in quotes of TypeScript and of TOML, whose escapes are those of JSON.
  const values = { name, fledgeVersion: fledgeVersion(), busybox: JSON.stringify(busybox).slice(1, -1) };
  const files = await instantiate(folders, values);
  const kept = await existingPaths(dir, keeps);
  const fresh = files.filter(({ path }) => !kept.includes(path));
  await assertFree(
    dir,
    fresh.map(({ path }) => path),
  );
  await writeNewFiles(dir, fresh);
  return {
    dir,
    template,
    name,
    written: fresh.map(({ path }) => path),
    kept: kept.map((path) => ({ path, ...todoOf(dir, path, files) })),
    warnings: usesBusybox ? warnings : [],
  };
}

/** The name that a project in this folder gets when none is given. */
export function defaultName(dir: string): string {
  return sanitise(basename(resolve(dir))) || "plugin";
}

/** The template of this name. Throws a `usage` error with the nearest one. */
export function checkTemplate(name: string): TemplateName {
  if (Object.hasOwn(TEMPLATES, name)) return name as TemplateName;
  throw new FledgeError("usage", `there is no template "${name}"`, { hint: didYouMean(name, Object.keys(TEMPLATES)) });
}

/** What can be the name of a plugin, or of the package of a preset. */
export function isName(template: TemplateName, name: string): boolean {
  return NAME_RULE.test(template === "preset" ? name.replace(/^@[a-z0-9][a-z0-9._-]*\//, "") : name);
}

function nameFor(template: TemplateName, name: string): string {
  if (!isName(template, name)) {
    const possible = sanitise(name);
    throw new FledgeError("usage", `"${name}" is not a ${template === "preset" ? "package" : "plugin"} name`, {
      hint: `use lower case letters, digits, ".", "_" and "-"${possible === "" ? "" : `: ${possible}`}`,
    });
  }
  const isPackage = template !== "preset" || name.startsWith("@") || name.startsWith(PRESET_PREFIX);
  return isPackage ? name : `${PRESET_PREFIX}${name}`;
}

/** A config of another name counts too: of two in one folder, one would never be read. */
async function assertFree(dir: string, paths: readonly string[]): Promise<void> {
  const taken = await existingPaths(dir, [...new Set([...paths, ...CONFIG_NAMES])].sort());
  if (taken.length === 0) return;
  const hint = taken.includes("fledge.toml")
    ? "name another folder; or fledge migrate, to turn the fledge.toml there into a fledge.config.ts"
    : "name another folder, or move them out of the way";
  throw new FledgeError("usage", `${dir} has files that fledge init would write; nothing was written`, {
    hint,
    problems: taken.map((path) => ({ file: join(dir, path), message: "is there already" })),
  });
}

/** What a file that the project keeps lacks of the one that the template has. */
function todoOf(dir: string, path: string, files: readonly NewFile[]): { todo?: string } {
  if (path === ".gitignore") return { todo: "add what builds leave: *.cpio*, *.img, *.manifest.json" };
  if (path !== "package.json") return {};
  const own = readPackage(() => readFileSync(join(dir, path), "utf8"));
  const wanted = readPackage(() => String(files.find((file) => file.path === path)?.data));
  const isThere = (name: string): boolean => name in { ...own.dependencies, ...own.devDependencies };
  const missing = Object.entries(wanted.devDependencies ?? {}).filter(([name]) => !isThere(name));
  const todos = [
    ...(missing.length > 0 ? [`npm install --save-dev ${missing.map(packageSpec).join(" ")}`] : []),
    ...(own.type === "module" ? [] : [`add "type": "module" for the editor's sake`]),
  ];
  return todos.length === 0 ? {} : { todo: todos.join(", and ") };
}

/** As a shell takes it. */
function packageSpec([name, range]: readonly [string, string]): string {
  const spec = `${name}@${range}`;
  return /[<> ]/.test(spec) ? `"${spec}"` : spec;
}

type Package = {
  readonly type?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
};

/** Nothing where it cannot be read: fledge does not depend on what is in it. */
function readPackage(read: () => string): Package {
  try {
    return { ...(JSON.parse(read()) as Package) };
  } catch {
    return {};
  }
}
