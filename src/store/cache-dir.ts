import { access, constants } from "node:fs/promises";
import { userInfo } from "node:os";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import type { Env } from "../lib/context.ts";
import { type Digest, digestFromHex } from "../lib/digest.ts";
import { FledgeError, isFledgeError } from "../lib/errors.ts";
import { makeFolders } from "../lib/files/folders.ts";
import { reasonOf } from "../lib/files/io-error.ts";

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

/** The digest that names a file of the store, or the layer that it is of; undefined for a file elsewhere. */
export function storedDigest(cacheDir: string, file: string | Buffer): Digest | undefined {
  if (typeof file !== "string") return undefined;
  const [kind, algorithm, hex = "", ...rest] = relative(cacheDir, file).split(sep);
  const isOurs = (kind === "blobs" && rest.length === 0) || (kind === "layers" && rest.join() === "layer.tar");
  return isOurs && algorithm === "sha256" ? digestFromHex(hex) : undefined;
}

/** Makes a folder inside the cache. Throws a `store` error when it cannot be written to. */
export async function ensureCacheFolder(cacheDir: string, ...below: string[]): Promise<string> {
  const folder = join(cacheDir, ...below);
  try {
    await makeFolders(folder);
    await access(folder, constants.W_OK | constants.X_OK);
    return folder;
  } catch (error) {
    throw cacheError(error, "write to", cacheDir);
  }
}

/** A `store` error for what the operating system refused in the cache. */
export function cacheError(error: unknown, action: "use" | "write to", path: string): FledgeError {
  if (isFledgeError(error)) return error;
  return new FledgeError("store", `cannot ${action} the cache ${path}: ${reasonOf(error)}`, {
    hint: "check its owner and the space on its disk, or choose another with --cache-dir DIR or FLEDGE_CACHE_DIR=DIR",
    cause: error,
  });
}
