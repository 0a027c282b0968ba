import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Env } from "../../lib/context.ts";
import { capture } from "../../lib/exec.ts";
import type { Leftovers } from "./engine.ts";

const TIMEOUT_MS = 30_000;

/**
 * Removes the working containers that mention `mark` in the record that buildah's library keeps of each. They hold what
 * the build had mounted, secrets included. Returns a line for each that could not be removed.
 */
export async function removeLeftovers(
  path: string,
  { store, remove }: Leftovers,
  { mark, env }: { readonly mark: string; readonly env: Env },
): Promise<string[]> {
  // The build's own signal has fired by now.
  const options = { env, signal: new AbortController().signal, timeoutMs: TIMEOUT_MS };
  const told = await capture(path, store, options);
  const [root = "", driver = ""] = told.stdout.trim().split("\n");
  if (told.failed || driver === "") return [];
  const folder = join(root, `${driver}-containers`);
  const failures: string[] = [];
  for (const id of await readdir(folder).catch(() => [])) {
    const record = await readFile(join(folder, id, "userdata", "buildah.json"), "utf8").catch(() => "");
    if (!record.includes(mark)) continue;
    const { failed, stderr } = await capture(path, remove(id), options);
    if (failed) failures.push(`${id}: ${stderr.trim()}`);
  }
  return failures;
}
