import { access, constants, mkdir } from "node:fs/promises";
import { userInfo } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import type { Env } from "../lib/context.ts";
import { errnoOf, FledgeError } from "../lib/errors.ts";

/**
 * The absolute path of the cache folder: `--cache-dir` (relative to the working folder), FLEDGE_CACHE_DIR,
 * `$XDG_CACHE_HOME/fledge`, else `~/.cache/fledge`. A relative XDG_CACHE_HOME does not count (XDG Base Directory
 * Specification, 0.8). The folder need not exist.
 */
export function resolveCacheDir(env: Env, option?: string): string {
  if (option !== undefined && option !== "") return resolve(option);
  if (env.FLEDGE_CACHE_DIR) return resolve(env.FLEDGE_CACHE_DIR);
  if (env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME)) return join(env.XDG_CACHE_HOME, "fledge");
  return join(env.HOME && isAbsolute(env.HOME) ? env.HOME : homeOfUser(), ".cache", "fledge");
}

/** Where HOME says nothing; `os.homedir()` would hand on an empty one. */
function homeOfUser(): string {
  try {
    return userInfo().homedir;
  } catch (cause) {
    throw new FledgeError(
      "store",
      "there is no place for the cache: HOME is not set, and this user has no home folder",
      {
        hint: "name one with --cache-dir DIR or FLEDGE_CACHE_DIR=DIR",
        cause,
      },
    );
  }
}

/** Makes a folder inside the cache. Throws a `store` error when it cannot be written to. */
export async function ensureCacheFolder(cacheDir: string, ...below: string[]): Promise<string> {
  const folder = join(cacheDir, ...below);
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK | constants.X_OK);
    return folder;
  } catch (error) {
    throw new FledgeError("store", `the cache folder ${cacheDir} cannot be written to (${errnoOf(error)})`, {
      hint: "choose another with --cache-dir DIR or FLEDGE_CACHE_DIR=DIR",
      cause: error,
    });
  }
}
