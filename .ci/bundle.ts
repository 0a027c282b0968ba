/**
 * The JavaScript of `dist/`: what a command takes to start is the modules that it loads, so that there are few of them,
 * in `dist/chunks/`, instead of one for each source file and each file of a package. What is imported or run by its
 * path is a module there that only exports a chunk: however often it is loaded, what it exports is the same.
 */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { type ChunkingContext, type CodeSplittingGroup, type OutputChunk, type Plugin, rolldown } from "rolldown";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SRC = join(ROOT, "src");
const DIST = join(ROOT, "dist");
const CHUNKS = join(DIST, "chunks");

const presets = (await readdir(join(SRC, "presets"), { withFileTypes: true })).filter((entry) => entry.isDirectory());

/** Without their ending: what package.json exports, the command, and what Node loads by its path. */
const ENTRIES = [
  "index",
  "testing/index",
  ...presets.map(({ name }) => `presets/${name}/index`),
  "cli/main",
  "cli/build-child",
  "cli/rebuild",
  "config/modules/module-hook",
];

/**
 * esbuild is a program, tsx loads files of its own, and c12 would bring jiti, which nothing here uses. The types of
 * toml-eslint-parser are in declarations, and it is only needed to place an error. A farm brings its own queue.
 */
const EXTERNAL = [/^node:/, "esbuild", /^tsx(\/|$)/, "c12", "toml-eslint-parser", "bullmq", "ioredis", "pg"];

/** What boots an artifact, and what looks into one. */
const ROOTS = [
  "cli/boot",
  ...["diff", "extract", "folder", "inspect", "list", "open"].map((name) => `inspect/${name}`),
  ...["cpio/tree", "ext4/reader/tree", "squashfs/reader/open"].map((name) => `imagers/${name}`),
];

/** All that they need, which is a part of what the SDK does. */
const needed = new Set<string>();

/** The modules of some folders of the source that are needed to boot or to look, as a group of that name. */
function needing(name: string, folders: RegExp): CodeSplittingGroup {
  return {
    debugName: name,
    name(id, ctx) {
      if (needed.size === 0) for (const root of ROOTS) addNeeded(join(SRC, `${root}.ts`), ctx);
      return needed.has(id) && folders.test(id) ? name : null;
    },
  };
}

function addNeeded(id: string, ctx: ChunkingContext): void {
  if (needed.has(id)) return;
  needed.add(id);
  for (const one of ctx.getModuleInfo(id)?.importedIds ?? []) addNeeded(one, ctx);
}

/**
 * What is always loaded together, each with all that it imports and that no group before it has. All else is where it is
 * shared: in a chunk for each set of those who load it.
 */
const GROUPS: readonly CodeSplittingGroup[] = [
  { name: "zod", test: /node_modules\/zod\// },
  { name: "undici", test: /node_modules\/undici\// },
  { name: "hook", test: /src\/config\/modules\/(module-hook|module-kind|own-files)\.ts$/ },
  { name: "start", test: /src\/cli\/(run|commands\/[^/]+)\.ts$/ },
  needing("image", /\/src\/(?!boot\/|cli\/|inspect\/)|node_modules/),
  needing("boot", /\/src\/boot\//),
  needing("inspect", /\/src\/inspect\//),
  { name: "sdk", test: /src\/(build|config\/[^/]+|config\/(modules|resolve)\/.*|pipeline\/.*)\.ts$/ },
  { name: "publish", test: /src\/(publish|registry\/(upload|referrers|blob-places)|store\/notes)/ },
  { name: "page", test: /src\/inspect\/page\// },
];

/** As an argument or a property; elsewhere it is in a text or a comment. */
const OWN_URL = /\bimport\.meta\.url(?=[,)])/g;

/** `import.meta.url` is that of the module which the source file would be without chunks. */
const ownUrls: Plugin = {
  name: "own-urls",
  transform: {
    filter: { id: /\/src\/.*\.ts$/, code: OWN_URL },
    handler(code, id) {
      const from = relative(CHUNKS, join(DIST, relative(SRC, id))).replace(/\.ts$/, ".js");
      return { code: code.replace(OWN_URL, `new URL(${JSON.stringify(from)}, import.meta.url).href`), map: null };
    },
  },
};

const bundle = await rolldown({
  cwd: ROOT,
  input: Object.fromEntries(ENTRIES.map((entry) => [chunkOf(entry), join(SRC, `${entry}.ts`)])),
  platform: "node",
  external: EXTERNAL,
  plugins: [ownUrls],
  // Some modules are loaded lazily by one and not by another; in a group that makes no difference.
  checks: { ineffectiveDynamicImport: false },
});
const { output } = await bundle.write({
  dir: CHUNKS,
  format: "esm",
  entryFileNames: "[name].js",
  chunkFileNames: "[name]-[hash].js",
  sourcemap: true,
  codeSplitting: { groups: GROUPS.map((group, index) => ({ ...group, priority: GROUPS.length - index })) },
});
const chunks = output.filter((file): file is OutputChunk => file.type === "chunk");
// A map is read with its chunk where a config is compiled; nobody looks for a fault in a package by way of fledge's.
for (const { fileName, moduleIds } of chunks) {
  if (moduleIds.every((id) => id.includes("/node_modules/"))) await dropMap(join(CHUNKS, fileName));
}
for (const entry of ENTRIES) await writeEntry(entry);
await writeFile(join(DIST, "LICENSES.md"), await licenses());

async function dropMap(chunk: string): Promise<void> {
  const code = await readFile(chunk, "utf8");
  await writeFile(chunk, code.replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n"));
  await rm(`${chunk}.map`, { force: true });
}

function chunkOf(entry: string): string {
  return entry.replaceAll("/", "-");
}

async function writeEntry(entry: string): Promise<void> {
  const file = join(DIST, `${entry}.js`);
  const { fileName, exports } = chunks.find(({ name, isEntry }) => isEntry && name === chunkOf(entry)) as OutputChunk;
  const from = JSON.stringify(relative(dirname(file), join(CHUNKS, fileName)).replace(/^(?!\.)/, "./"));
  const lines = entry === "cli/main" ? ["#!/usr/bin/env node"] : [];
  lines.push(`export * from ${from};`);
  if (exports.includes("default")) lines.push(`export { default } from ${from};`);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${lines.join("\n")}\n`, { mode: entry === "cli/main" ? 0o755 : 0o644 });
}

/** The licenses of the packages whose code is in the chunks, as they ask for. */
async function licenses(): Promise<string> {
  const modules = chunks.flatMap(({ moduleIds }) => moduleIds);
  const folders = modules.flatMap((id) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id) ?? []);
  const texts = [...new Set(folders)].sort().map(async (folder) => {
    const { name, version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file === undefined ? "" : `\n${(await readFile(join(folder, file), "utf8")).trim()}\n`;
    return `## ${name} ${version} (${license})\n${text}`;
  });
  return `# Packages of which fledge's own files have parts\n\n${(await Promise.all(texts)).join("\n")}`;
}
