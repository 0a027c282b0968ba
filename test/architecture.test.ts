import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const SRC = fileURLToPath(new URL("../src", import.meta.url));
const MAX_LINES = 400;

/** Who may import whom: a folder imports from lower layers only; those of layer 2 do not reach into each other. */
const LAYER: Readonly<Record<string, number>> = {
  lib: 0,
  rootfs: 1,
  config: 1,
  store: 2,
  sources: 2,
  guest: 2,
  imagers: 2,
  volant: 2,
  pipeline: 3,
  presets: 3,
  "build.ts": 4,
  init: 4,
  migrate: 4,
  "dev.ts": 5,
  "index.ts": 6,
  testing: 6,
  cli: 7,
};

/** The one file that may import a package, so that its quirks are handled once. */
const OWNERS: Readonly<Record<string, RegExp>> = {
  c12: /^config\//,
  dotenv: /^config\//,
  esbuild: /^config\//,
  tsx: /^config\//,
  exsolve: /^config\//,
  "smol-toml": /^config\//,
  "toml-eslint-parser": /^config\//,
  hookable: /^pipeline\/fire\.ts$/,
  picomatch: /^lib\/pattern\.ts$/,
  execa: /^lib\/exec\.ts$/,
  undici: /^lib\/http\.ts$/,
  "tar-stream": /^rootfs\/tar/,
  citty: /^cli\//,
  consola: /^cli\//,
  zod: /^(config|volant|guest|sources|imagers|presets)\//,
};

type Import = { readonly from: string; readonly to: string; readonly typeOnly: boolean };

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
const imports: Import[] = files.flatMap((from) => {
  const text = readFileSync(join(SRC, from), "utf8");
  const found = text.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^"';]*?from\s+)?"([^"]+)";|import\("([^"]+)"\)/gm);
  return [...found].map((match) => {
    const to = match[2] ?? match[3] ?? "";
    const allTyped = /^(?:import|export)\s+\{(\s*type\s+[^,}]+,?)+\s*\}/.test(match[0]);
    return { from, to, typeOnly: match[1] !== undefined || allTyped };
  });
});
const local = imports
  .filter(({ to }) => to.startsWith("."))
  .map((edge) => ({ ...edge, to: relative(SRC, resolve(SRC, dirname(edge.from), edge.to)) }));

test("the source was found, and its imports too", () => {
  expect(files.length).toBeGreaterThan(50);
  expect(local.length).toBeGreaterThan(100);
});

test("every folder is in the table", () => {
  expect(files.map((file) => file.split("/")[0] ?? "").filter((folder) => !(folder in LAYER))).toEqual([]);
});

test("imports go down the layers", () => {
  const wrong = local.filter(({ from, to, typeOnly }) => !allowed(from, to, typeOnly));
  expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
});

test("there are no cycles but of types", () => {
  const edges = new Map<string, string[]>();
  for (const { from, to, typeOnly } of local) if (!typeOnly) edges.set(from, [...(edges.get(from) ?? []), to]);
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): void => {
    if (trail.includes(file))
      throw new Error(`import cycle: ${[...trail.slice(trail.indexOf(file)), file].join(" -> ")}`);
    if (done.has(file)) return;
    for (const next of edges.get(file) ?? []) visit(next, [...trail, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
});

test("each package is imported where it is owned", () => {
  const wrong = imports.filter(({ from, to }) => {
    if (to.startsWith(".") || to.startsWith("node:")) return false;
    const name = to
      .split("/")
      .slice(0, to.startsWith("@") ? 2 : 1)
      .join("/");
    return !(OWNERS[name]?.test(from) ?? false);
  });
  expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
});

test("no file is longer than a reader holds in view", () => {
  const long = files.filter((file) => readFileSync(join(SRC, file), "utf8").split("\n").length > MAX_LINES);
  expect(long).toEqual([]);
});

test("clock, chance and process are read at the edges only", () => {
  const wrong = files.filter((file) => {
    if (file.startsWith("lib/") || file.startsWith("cli/")) return false;
    return /Date\.now\(|new Date\(\)|Math\.random\(|process\.exit\(|process\.std(out|err)/.test(
      readFileSync(join(SRC, file), "utf8"),
    );
  });
  expect(wrong).toEqual([]);
});

function allowed(from: string, to: string, typeOnly: boolean): boolean {
  const [a = "", b = ""] = [from.split("/")[0], to.split("/")[0]];
  if (a === b || typeOnly) return true;
  const [upper = -1, lower = 99] = [LAYER[a], LAYER[b]];
  if (a === "config" && to.endsWith("options.ts")) return true; // a feature owns its options
  if (upper === 2 && b === "store") return a === "sources" || a === "guest";
  return lower < upper;
}
