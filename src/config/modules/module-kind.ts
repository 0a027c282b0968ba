import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname } from "node:path";
import { fileURLToPath } from "node:url";
import type * as esbuild from "esbuild";
import type { BuildOptions, BuildResult, Loader } from "esbuild";

/** What a file of the user's is, as its syntax says: words in comments and strings do not count. */
export type ModuleKind = {
  readonly isModule: boolean;
  /** The text as an ES module in which the words of CommonJS mean what they mean there; `namespace` is tsx's. */
  moduleText(namespace: string | undefined): string;
};

/** CommonJS's own words, which an ES module does not have. */
const WORDS = ["require", "module", "exports", "__dirname", "__filename"] as const;

// esbuild puts them only where a word is not declared by the file itself, as it is in the usual idiom for `__dirname`.
const MARK = "fledge_free_";
const DEFINE = Object.fromEntries(WORDS.map((word) => [word, MARK + word]));

const LOADERS: Readonly<Record<string, Loader>> = {
  ".ts": "ts",
  ".mts": "ts",
  ".cts": "ts",
  ".tsx": "tsx",
  ".js": "js",
  ".mjs": "js",
  ".jsx": "jsx",
};

/**
 * Whether a module is one whose kind is for us to tell, by its URL: TypeScript, also that of a preset's package, which
 * Node knows nothing of, and the JavaScript of the project. `.cjs` is what Node says.
 */
export function isOfUser(url: string): boolean {
  if (!url.startsWith("file:")) return false;
  const loader = LOADERS[extname(new URL(url).pathname)];
  return loader !== undefined && (loader.startsWith("ts") || !url.includes("/node_modules/"));
}

/**
 * What a file is; undefined when it cannot be read or parsed, which whoever loads it says better. `isModule` is what
 * Node would say of it.
 */
export async function moduleKind(url: string, isModule: boolean): Promise<ModuleKind | undefined> {
  const read = textOf(url);
  if (read === undefined || isPlain(read, isModule)) return read && plainKind(read, isModule);
  // Only where it is needed: most configs are plain, and it takes longer to load than they do.
  const { build } = await import("esbuild");
  try {
    return kindOf(read, await build(optionsFor(read)), isModule);
  } catch {
    return undefined;
  }
}

/** The same for hooks that may not wait. */
export function moduleKindSync(url: string, isModule: boolean): ModuleKind | undefined {
  const read = textOf(url);
  if (read === undefined || isPlain(read, isModule)) return read && plainKind(read, isModule);
  const { buildSync } = createRequire(import.meta.url)("esbuild") as typeof esbuild;
  try {
    return kindOf(read, buildSync(optionsFor(read)), isModule);
  } catch {
    return undefined;
  }
}

type Source = { readonly file: string; readonly text: string };

function textOf(url: string): Source | undefined {
  try {
    const file = fileURLToPath(url);
    return { file, text: readFileSync(file, "utf8") };
  } catch {
    return undefined;
  }
}

/** Whether there is nothing to find out: an ES module that has none of the words anywhere. */
function isPlain({ file, text }: Source, isModule: boolean): boolean {
  return isModule && !confusesTsx(file) && !WORDS.some((word) => text.includes(word));
}

/** tsx takes what follows a `?` in a path for a query, and does not know TypeScript any more. */
function confusesTsx(file: string): boolean {
  return file.includes("?");
}

function plainKind({ text }: Source, isModule: boolean): ModuleKind {
  return { isModule, moduleText: () => text };
}

function optionsFor({ file, text }: Source) {
  return {
    stdin: { contents: text, sourcefile: file, loader: LOADERS[extname(file)] ?? "js" },
    bundle: false,
    write: false,
    metafile: true,
    sourcemap: "inline",
    define: DEFINE,
    tsconfigRaw: {},
    logLevel: "silent",
  } satisfies BuildOptions;
}

function kindOf(
  { file, text }: Source,
  { metafile, outputFiles: [output] }: BuildResult<ReturnType<typeof optionsFor>>,
  isModule: boolean,
): ModuleKind {
  const compiled = output?.text ?? "";
  const [format] = Object.values(metafile.inputs).map((input) => input.format);
  const [exported] = Object.values(metafile.outputs).map((output) => output.exports);
  const free = WORDS.filter((word) => compiled.includes(MARK + word));
  // `export = x`, which no ES module can hold, is `module.exports = x` once compiled.
  const isExportEquals = format === "cjs";
  const isJavaScript = /\.jsx?$/.test(file);
  const setsExports = isExportEquals || free.includes("module") || free.includes("exports");
  return {
    isModule: isModule || !isJavaScript || format === "esm",
    moduleText: (namespace) => {
      const usesCompiled = isExportEquals || confusesTsx(file);
      const body = usesCompiled ? compiled : text;
      if (free.length === 0 && !isExportEquals) return body;
      const names = free.map((word) => (usesCompiled ? `${word} as ${MARK}${word}` : word));
      // What the compiler made of `export =` has no mark.
      if (isExportEquals) names.push("module");
      const from = `data:text/javascript,${encodeURIComponent(commonJs(file, namespace))}`;
      const values = setsExports && exported?.length === 0 ? exportsOf(compiled, from) : "";
      // At the end, so that lines and columns stay; imports come first wherever they stand.
      return `${body}\n;import { ${names.join(", ")} } from "${from}";${values}\n`;
    },
  };
}

/** `module.exports` as the default export, and by name what is set by name. */
function exportsOf(compiled: string, from: string): string {
  const all = `${MARK}own.exports`;
  const named = namesIn(compiled)
    .filter((name) => name !== "default")
    .map((name, index) => `const ${MARK}${index} = ${all}?.${name}; export { ${MARK}${index} as ${name} };`);
  return ` import { module as ${MARK}own } from "${from}"; export default ${all}; ${named.join(" ")}`;
}

/** `exports.NAME = ...`, and the keys of `module.exports = { ... }`; one too many is undefined and harms nobody. */
function namesIn(compiled: string): string[] {
  const set = compiled.matchAll(/exports\.([A-Za-z_$][\w$]*)\s*=[^=]/g);
  const literals = compiled.matchAll(/module\.exports\s*=\s*\{([^}]*)\}/g);
  const keys = [...literals].flatMap(([, body = ""]) => [
    ...body.matchAll(/(?:^|,)\s*([A-Za-z_$][\w$]*)\s*(?=[:,(]|$)/g),
  ]);
  return [...new Set([...set, ...keys].map(([, name = ""]) => name))];
}

/**
 * A module that exports CommonJS's words for a file. Files are required through tsx, which knows them by the query;
 * packages as Node does it.
 */
function commonJs(file: string, namespace: string | undefined): string {
  const scoped = namespace === undefined ? file : `${file}?namespace=${encodeURIComponent(namespace)}`;
  return `
import { createRequire } from "node:module";
export const __filename = ${JSON.stringify(file)}, __dirname = ${JSON.stringify(dirname(file))};
const packages = createRequire(__filename), files = createRequire(${JSON.stringify(scoped)});
export const require = Object.assign((id) => (/^(\\.{0,2}\\/|\\.\\.?$)/.test(id) ? files : packages)(id), packages);
export const module = { id: __filename, filename: __filename, exports: {}, require };
export const exports = module.exports;`;
}
