import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * Writes what a folder of `templates/` becomes: `{{word}}` is replaced by the value of that name, and a `_` in front of a
 * file's name by a dot. Returns the names.
 */
export function instantiateTemplate(
  template: string,
  folder: string,
  values: Readonly<Record<string, string>>,
): string[] {
  const entries = readdirSync(template, { recursive: true, withFileTypes: true });
  const sources = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return sources
    .map((source) => {
      const name = source.slice(template.length + 1).replace(/(^|\/)_(?=[^/]*$)/, "$1.");
      const text = readFileSync(source, "utf8").replace(/\{\{(\w+)\}\}/g, (_, word: string) => {
        const value = values[word];
        if (value === undefined) throw new Error(`${source} asks for ${word}`);
        return value;
      });
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
      return name;
    })
    .sort();
}
