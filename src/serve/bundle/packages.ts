import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";

/** It is the fledge that builds which answers to this name. */
const OWN = "@volantvm/fledge";

type PackageJson = {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
};

/**
 * The folders of the packages that modules are of, and of all that those depend on, as Node finds them from there and
 * from the modules that import them: as they are called, which may be by way of symlinks. What is not installed is left
 * out: it may be optional.
 */
export function packageFolders(files: Iterable<string>, importers: readonly string[]): string[] {
  const found = new Set<string>();
  const direct = [...new Set([...files].flatMap((file) => packageOf(file) ?? []))];
  const folders = new Set(importers.map((file) => dirname(file)));
  const called = [...folders].flatMap((from) => direct.flatMap((folder) => installed(nameOf(folder), from) ?? []));
  const stack = [...direct, ...called];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    stack.push(...dependenciesOf(next));
  }
  return [...found].sort();
}

function nameOf(folder: string): string {
  return folder.slice(folder.lastIndexOf("/node_modules/") + "/node_modules/".length);
}

/** The folder of the package that a file in `node_modules` is of; not of fledge itself. */
function packageOf(file: string): string | undefined {
  const [, folder, name] = /^(.*\/node_modules\/((?:@[^/]+\/)?[^/]+))\//s.exec(file) ?? [];
  return name === OWN ? undefined : folder;
}

function dependenciesOf(folder: string): string[] {
  const { dependencies, optionalDependencies, peerDependencies } = packageJson(folder);
  const names = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
  return names.filter((name) => name !== OWN).flatMap((name) => installed(name, realpathSync(folder)) ?? []);
}

function packageJson(folder: string): PackageJson {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as PackageJson;
  } catch {
    return {};
  }
}

/** Where Node finds a package from a folder. */
function installed(name: string, from: string): string | undefined {
  for (let at = from; ; at = dirname(at)) {
    const folder = join(at, "node_modules", name);
    if (existsSync(folder)) return folder;
    if (at === dirname(at)) return undefined;
  }
}
