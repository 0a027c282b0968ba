import { statSync } from "node:fs";
import { basename, dirname, extname, join, resolve } from "node:path";
import { FledgeError } from "../lib/errors.ts";

/** What a folder's config may be called, the first that exists wins. */
export const CONFIG_NAMES: readonly string[] = [
  "fledge.config.ts",
  "fledge.config.mts",
  "fledge.config.js",
  "fledge.config.mjs",
  "fledge.toml",
];

/** How the files end that may be configs. */
export const CONFIG_EXTENSIONS: ReadonlySet<string> = new Set([".ts", ".mts", ".cts", ".js", ".mjs", ".cjs", ".toml"]);

/** The config of a folder, or the file (or folder) that was named. Throws a `config` error that says where it looked. */
export function findConfig(cwd: string, named: string | undefined): string {
  const start = resolve(cwd, named ?? ".");
  if (isFile(start)) return readable(start);
  const found = configIn(start);
  if (found !== undefined) return found;
  if (named !== undefined && !isFolder(start)) {
    throw new FledgeError("config", `there is no config at ${start}`, {
      hint: "name a file, or a folder that has one",
    });
  }
  throw new FledgeError("config", `no config found in ${start}; looked for ${CONFIG_NAMES.join(", ")}`, {
    hint: isFile(join(start, "Dockerfile"))
      ? "there is a Dockerfile: fledge build ./Dockerfile needs no config; fledge init writes one"
      : "fledge init writes one to begin with, and what it needs",
  });
}

/** The file that `extends: "./x"` means: a file, or the config of a folder. */
export function findLayer(folder: string, path: string): string | undefined {
  const start = resolve(folder, path);
  if (isFile(start)) return start;
  const withExtension = [...CONFIG_EXTENSIONS].map((extension) => start + extension).find(isFile);
  return withExtension ?? configIn(start) ?? indexIn(start);
}

/** The configs that a folder has beside the one that is read. */
export function otherConfigs(file: string): string[] {
  return CONFIG_NAMES.map((name) => join(dirname(file), name)).filter((other) => other !== file && isFile(other));
}

/** manifest.toml beside the config, if it is there. */
export function findManifest(configFile: string): string | undefined {
  const path = join(dirname(configFile), "manifest.toml");
  return isFile(path) ? path : undefined;
}

/** The config of a folder, if it has one. */
export function configIn(folder: string): string | undefined {
  return CONFIG_NAMES.map((name) => join(folder, name)).find(isFile);
}

function indexIn(folder: string): string | undefined {
  return [".ts", ".mts", ".js", ".mjs"].map((extension) => join(folder, `index${extension}`)).find(isFile);
}

function readable(file: string): string {
  if (CONFIG_EXTENSIONS.has(extname(file))) return file;
  throw new FledgeError("config", `${basename(file)} is not a config`, {
    hint: `a config is called ${CONFIG_NAMES.join(", ")}, or is another file that ends in .ts, .js or .toml`,
  });
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
