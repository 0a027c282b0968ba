import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { messageOf, type Problem } from "../../lib/errors.ts";
import { didYouMean } from "../../lib/suggest.ts";
import { ownEntry } from "./own-files.ts";
import { plainPath } from "./user-error.ts";

/** What is wrong with an import of a name that its module does not export; undefined for other errors. */
export async function missingExport(thrown: unknown, file: string): Promise<Problem | undefined> {
  const match = /^The requested module '([^']+)' does not provide an export named '([^']+)'/.exec(messageOf(thrown));
  if (match === null) return undefined;
  const [, module = "", name = ""] = match;
  const importer = importerOf(thrown) ?? file;
  const hint = hintFor(name, module, await exportsOf(module, importer));
  return {
    message: `"${module}" has no ${name === "default" ? "default export" : `export "${name}"`}`,
    file: importer,
    ...placeOfImport(readFileSync(importer, "utf8"), module, name),
    ...(hint && { hint }),
  };
}

/** The files that an import may mean: it may leave out the ending, or say .js of a .ts. */
export function filesMeantBy(path: string): string[] {
  const written = path.replace(/\.([cm]?)js$/, ".$1ts");
  return [path, written, `${path}.ts`, `${path}.js`, join(path, "index.ts"), join(path, "index.js")];
}

/** Node puts the importing module and a line above the stack. */
function importerOf(thrown: unknown): string | undefined {
  const [, module] = /^((?:file:\/\/)?\/.*):\d+\n/.exec(thrown instanceof Error ? (thrown.stack ?? "") : "") ?? [];
  const path = module === undefined ? undefined : plainPath(module);
  return path !== undefined && existsSync(path) ? path : undefined;
}

/** Where a text imports a name; Node's line would be that of what tsx made of the text. */
function placeOfImport(text: string, module: string, name: string): { line: number; column: number } | undefined {
  const ends = [`"${module}"`, `'${module}'`].flatMap((quoted) => placesOf(quoted, text));
  for (const end of ends) {
    const start = Math.max(text.lastIndexOf("import", end), text.lastIndexOf("export", end));
    const clause = text.slice(Math.max(start, 0), end);
    const at = name === "default" ? 0 : placesOf(name, clause).find((place) => isWord(clause, place, name));
    if (start < 0 || at === undefined) continue;
    const lines = text.slice(0, start + at).split("\n");
    return { line: lines.length, column: (lines.at(-1) ?? "").length + 1 };
  }
  return undefined;
}

function placesOf(words: string, text: string): number[] {
  const places: number[] = [];
  for (let at = text.indexOf(words); at >= 0; at = text.indexOf(words, at + 1)) places.push(at);
  return places;
}

function isWord(text: string, at: number, word: string): boolean {
  return !/[\w$]/.test(text.charAt(at - 1)) && !/[\w$]/.test(text.charAt(at + word.length));
}

/** The names that fledge's own modules export, and those of the project; none for packages. */
async function exportsOf(module: string, importer: string): Promise<readonly string[]> {
  const own = ownEntry(module);
  if (own !== undefined) return Object.keys((await import(own)) as object);
  const file = module.startsWith(".") ? filesMeantBy(resolve(dirname(importer), module)).find(isFile) : undefined;
  if (file === undefined) return [];
  const { build } = await import("esbuild");
  const { metafile } = await build({
    ...{ entryPoints: [file], bundle: false, write: false, metafile: true as const },
    ...{ format: "esm", logLevel: "silent" },
  });
  return Object.values(metafile.outputs).flatMap((output) => output.exports);
}

function hintFor(name: string, module: string, names: readonly string[]): string | undefined {
  const named = names.filter((one) => one !== "default");
  const hasDefault = named.length < names.length;
  if (name !== "default" && hasDefault && named.length === 0) return `write import ${name} from "${module}"`;
  const first = named.includes("definePlugin") ? "definePlugin" : named[0];
  if (name === "default") return first && `write import { ${first} } from "${module}"`;
  return didYouMean(name, named);
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
