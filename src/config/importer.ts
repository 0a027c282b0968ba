import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { CONFIG_PARENT, installImportHook } from "./import-hook.ts";
import { configError } from "./problems.ts";
import { userCodeError } from "./user-error.ts";

/**
 * The default export of a TypeScript or JavaScript file. Each call evaluates the file anew, in a module namespace of
 * its own. Throws a `config` error that names the line of the user's code.
 */
export async function importDefault(file: string): Promise<unknown> {
  await installImportHook();
  const { tsImport } = await import("tsx/esm/api");
  let exported: unknown;
  try {
    exported = await tsImport(pathToFileURL(file).href, { parentURL: CONFIG_PARENT, tsconfig: nearestTsconfig(file) });
  } catch (thrown) {
    throw userCodeError(thrown, file);
  }
  return defaultOf(exported, file);
}

// tsx looks from the working folder otherwise, which need not be the config's.
function nearestTsconfig(file: string): string | false {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const candidate = join(folder, "tsconfig.json");
    if (existsSync(candidate)) return candidate;
    if (folder === dirname(folder)) return false;
  }
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
