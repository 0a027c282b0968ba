import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { Env } from "../lib/context.ts";

/** Where downloads are kept: `explicit`, FLEDGE_CACHE_DIR, $XDG_CACHE_HOME/fledge, or ~/.cache/fledge. Absolute. */
export function cacheDirFrom(env: Env, explicit?: string): string {
  const chosen = explicit ?? env.FLEDGE_CACHE_DIR;
  if (chosen) return resolve(chosen);
  return env.XDG_CACHE_HOME
    ? join(resolve(env.XDG_CACHE_HOME), "fledge")
    : join(env.HOME || homedir(), ".cache", "fledge");
}
