import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nowMs } from "../lib/clock.ts";
import { hexOf, sha256 } from "../lib/digest.ts";
import { ownerName } from "../lib/process/owner.ts";

// CACHE/notes/KIND/HEX   one line of JSON, HEX being the sha256 of what it is of

/** What is remembered: where at a registry a blob was seen, what the pieces of a pushed disk were. */
type Kind = "blob-places" | "disk-pieces";

/** What was noted of something; undefined when nothing was, or it cannot be read. Whoever asks checks what it says. */
export async function readNote(cacheDir: string, kind: Kind, of: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(pathOf(cacheDir, kind, of), "utf8"));
  } catch {
    return undefined;
  }
}

/** Notes something, in place of what was noted before. A note saves work and nothing depends on it: a failure is none. */
export async function writeNote(cacheDir: string, kind: Kind, of: string, value: unknown): Promise<void> {
  const path = pathOf(cacheDir, kind, of);
  const temporary = `${path}.${ownerName()}`;
  try {
    await mkdir(join(path, ".."), { recursive: true });
    await writeFile(temporary, `${JSON.stringify(value)}\n`);
    await rename(temporary, path);
  } catch {
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}

/** Removes the notes that were not renewed for so long, in milliseconds; all of them when it is left out. */
export async function removeNotes(cacheDir: string, olderThanMs = 0): Promise<void> {
  const folder = join(cacheDir, "notes");
  for (const kind of await readdir(folder).catch(() => [])) {
    for (const name of await readdir(join(folder, kind)).catch(() => [])) {
      const path = join(folder, kind, name);
      const found = await stat(path).catch(() => undefined);
      if (found !== undefined && nowMs() - found.mtimeMs >= olderThanMs) await rm(path, { force: true });
    }
  }
}

function pathOf(cacheDir: string, kind: Kind, of: string): string {
  return join(cacheDir, "notes", kind, hexOf(sha256(of)));
}
