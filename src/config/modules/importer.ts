import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Warning } from "../../lib/context.ts";
import { messageOf } from "../../lib/errors.ts";
import { configError } from "../explain.ts";
import { CONFIG_PARENT, installImportHook } from "./import-hook.ts";
import { filesMeantBy, missingExport } from "./missing-export.ts";
import { isUserCode, userCodeError } from "./user-error.ts";

/** Told of each file of the user's that a config is made of, also when reading it fails. */
export type OnRead = (file: string) => void;

/** Told of each module of a package, or of fledge's, that a config imports. */
export type OnPackageFile = (file: string) => void;

/**
 * The default export of a TypeScript or JavaScript file. Each call evaluates the file anew, in a module namespace of
 * its own. Throws a `config` error that names the line of the user's code.
 */
export async function importDefault(file: string, importing: Importing): Promise<unknown> {
  const { onRead, warnings } = importing;
  await installImportHook();
  const tsconfig = nearestTsconfig(file);
  onRead(file);
  if (tsconfig) onRead(tsconfig);
  let exported: unknown;
  try {
    const loaded = importWith(tsconfig, file, importing);
    exported = await loaded.catch((thrown) => {
      const reason = tsconfig === false ? undefined : tsconfigProblem(thrown);
      if (tsconfig === false || reason === undefined) throw thrown;
      warnings.push({
        message: `${basename(file)} was read without ${tsconfig}: ${reason}`,
        hint: "mend it if the config needs its paths; what it extends may come with an installation or a first build",
      });
      return importWith(false, file, importing);
    });
  } catch (thrown) {
    for (const missing of missingFiles(thrown)) onRead(missing);
    const problem = await missingExport(thrown, file);
    throw problem === undefined ? userCodeError(thrown, file) : configError([problem], thrown);
  } finally {
    // tsx tells of imports by messages from its thread; those on their way arrive with the next turn of the loop.
    await setImmediate();
  }
  return defaultOf(exported, file);
}

/** Who is told of what is read, and where warnings go. */
export type Importing = {
  readonly onRead: OnRead;
  readonly onPackageFile?: OnPackageFile | undefined;
  readonly warnings: Warning[];
};

async function importWith(
  tsconfig: string | false,
  file: string,
  { onRead, onPackageFile }: Importing,
): Promise<unknown> {
  const { tsImport } = await import("tsx/esm/api");
  return tsImport(pathToFileURL(file).href, {
    parentURL: CONFIG_PARENT,
    tsconfig,
    onImport: (url) => {
      if (!url.startsWith("file:")) return;
      if (isUserCode(url)) onRead(fileURLToPath(url));
      else onPackageFile?.(fileURLToPath(url));
    },
  });
}

/** What tsx says of a tsconfig that it cannot read, or of one that it extends; undefined for other errors. */
function tsconfigProblem(thrown: unknown): string | undefined {
  const message = messageOf(thrown);
  const [, missing] = /^File '(.+)' not found\.$/.exec(message) ?? [];
  if (missing !== undefined) return `"${missing}", which it extends, does not exist`;
  const isOfTsconfig = thrown instanceof Error && /\b(parseTsconfig|getTsconfig)\b/.test(thrown.stack ?? "");
  return isOfTsconfig || /tsconfig/i.test(message) ? message : undefined;
}

// tsx looks from the working folder otherwise, which need not be the config's.
function nearestTsconfig(file: string): string | false {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const candidate = join(folder, "tsconfig.json");
    if (existsSync(candidate)) return candidate;
    if (folder === dirname(folder)) return false;
  }
}

/** Where a local module that could not be found would be. */
function missingFiles(thrown: unknown): string[] {
  const path = /^Cannot find module '(\/[^']+)'/.exec(messageOf(thrown))?.[1];
  return path === undefined ? [] : filesMeantBy(path);
}

/** A CommonJS module compiled from ESM syntax arrives wrapped once more. */
function defaultOf(exported: unknown, file: string): unknown {
  const outer = exported as { default?: unknown };
  const inner = outer.default as { default?: unknown; __esModule?: unknown } | null | undefined;
  const wrapped = typeof inner === "object" && inner !== null && inner.__esModule === true;
  const value = wrapped ? inner.default : inner;
  if (value === undefined) {
    throw configError([{ message: "has no default export", file, hint: "write export default definePlugin({ ... })" }]);
  }
  return value;
}
