import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FledgeError } from "../lib/errors.ts";
import type { NewFile } from "../lib/files/new-files.ts";

/** The folder of the package that holds a folder for each template. */
const TEMPLATES = fileURLToPath(new URL("../../templates/", import.meta.url));

/**
 * The files of some folders of `templates/`, sorted, a later folder's over an earlier one's. `{{word}}` in a path or a
 * text becomes the value of that name, and a leading `_` of a file name a dot: npm would rename a `.gitignore` or leave
 * it out. Throws an `internal` error for a placeholder without a value.
 */
export async function instantiate(
  folders: readonly string[],
  values: Readonly<Record<string, string>>,
): Promise<NewFile[]> {
  const files = new Map<string, NewFile>();
  for (const folder of folders) {
    const root = join(TEMPLATES, folder);
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    for (const entry of entries.filter((candidate) => candidate.isFile())) {
      const source = join(entry.parentPath, entry.name);
      const path = fill(source.slice(root.length + 1).replace(/(^|\/)_(?=[^/]*$)/, "$1."), values);
      const data = fill(await readFile(source, "utf8"), values);
      files.set(path, { path, data, isExecutable: ((await stat(source)).mode & 0o100) !== 0 });
    }
  }
  return [...files.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function fill(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{\{(\w+)\}\}/g, (placeholder, word: string) => {
    const value = values[word];
    if (value === undefined) throw new FledgeError("internal", `a template has ${placeholder}, which has no value`);
    return value;
  });
}
