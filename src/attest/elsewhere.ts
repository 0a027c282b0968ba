import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { shiftClock } from "../lib/clock.ts";

/** What the environment of a second build has otherwise. The home is the same folder under another name. */
export function elsewhereEnv({ home, cacheDir }: { readonly home: string; readonly cacheDir: string }) {
  return {
    HOME: home,
    FLEDGE_CACHE_DIR: cacheDir,
    // A zone and a language whose days, and whose capital letters, are other ones nearly everywhere.
    TZ: "Pacific/Kiritimati",
    LANG: "tr_TR.UTF-8",
    LC_ALL: "tr_TR.UTF-8",
    UV_THREADPOOL_SIZE: "1",
  };
}

const SHIFT_MS = 400 * 24 * 3600 * 1000;

/**
 * Makes this process live elsewhere, for all code that runs in it, recipes and hooks too: another day, another umask,
 * folders that are read in another order, and `cwd` as the name of the working folder.
 */
export function liveElsewhere(cwd: string): void {
  process.umask(0o027);
  process.cwd = () => cwd;
  process.env.PWD = cwd;
  shiftClock(SHIFT_MS);
  turnFoldersAround();
}

/** libuv sorts what a folder holds, which no file system promises; below a folder that is listed with it nothing is. */
function turnFoldersAround(): void {
  const { readdirSync, promises } = fs;
  const { readdir } = promises;
  const turned = <T>(names: T, options: unknown): T =>
    Array.isArray(names) && !isRecursive(options) ? (names.reverse() as T) : names;
  Object.assign(fs, {
    readdirSync: (...args: [never, never]) => turned(readdirSync(...args), args[1]),
  });
  Object.assign(promises, {
    readdir: async (...args: [never, never]) => turned(await readdir(...args), args[1]),
  });
  syncBuiltinESMExports();
}

function isRecursive(options: unknown): boolean {
  return typeof options === "object" && options !== null && "recursive" in options && options.recursive === true;
}
