import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import type { Env } from "../lib/context.ts";

/** Where downloads are kept: `explicit`, FLEDGE_CACHE_DIR, $XDG_CACHE_HOME/fledge, or ~/.cache/fledge. Absolute. */
export function cacheDirFrom(env: Env, explicit?: string): string {
  const chosen = explicit ?? env.FLEDGE_CACHE_DIR;
  if (chosen) return resolve(chosen);
  const { XDG_CACHE_HOME: xdg, HOME: home } = env;
  // The XDG Base Directory Specification: a relative path is invalid and to be ignored.
  return xdg && isAbsolute(xdg) ? join(xdg, "fledge") : join(home || homedir(), ".cache", "fledge");
}
