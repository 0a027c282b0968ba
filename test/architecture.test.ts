import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { files, type Import, imports, local, SRC } from "./helpers/source-imports.ts";

const MAX_LINES = 400;

/**
 * Who may import whom, types included: a room imports from lower layers only, and those of one layer do not reach into
 * each other. What two of them share is a contract, and lives below both.
 */
const LAYER: Readonly<Record<string, number>> = {
  lib: 0,
  rootfs: 1,
  contract: 2,
  budget: 3,
  config: 3,
  store: 3,
  registry: 3,
  sources: 3,
  guest: 3,
  imagers: 3,
  volant: 3,
  lock: 4,
  pipeline: 4,
  presets: 4,
  "build.ts": 5,
  boot: 5,
  inspect: 5,
  init: 5,
  migrate: 5,
  attest: 6,
  "dev.ts": 6,
  publish: 6,
  serve: 6,
  farm: 7,
  "index.ts": 8,
  testing: 8,
  cli: 9,
};

/** Folders whose neighbours may use what is in them. Of any other only `index.ts` and its options. */
const SHARED = [
  "cli/render",
  "lib/files",
  "lib/network",
  "lib/process",
  "rootfs/attributes",
  "sources/local-image",
  "sources/oci",
];

/** The one file that may import a package, so that its quirks are handled once. */
const OWNERS: Readonly<Record<string, RegExp>> = {
  c12: /^config\//,
  dotenv: /^config\//,
  esbuild: /^config\//,
  tsx: /^config\//,
  exsolve: /^config\//,
  "smol-toml": /^config\//,
  "toml-eslint-parser": /^config\//,
  picomatch: /^lib\/pattern\.ts$/,
  execa: /^lib\/process\/exec\.ts$/,
  "d3-hierarchy": /^inspect\/page\/layout\.ts$/,
  aws4fetch: /^publish\/targets\/s3\.ts$/,
  undici: /^lib\/network\/http\.ts$/,
  "tar-stream": /^rootfs\/tar\//,
  hono: /^serve\/http\//,
  "@hono/node-server": /^serve\/http\//,
  citty: /^cli\//,
  consola: /^cli\//,
  bullmq: /^farm\/queue\//,
  ioredis: /^farm\/queue\/connect\.ts$/,
  pg: /^farm\/queue\/connect\.ts$/,
  zod: /^(boot|budget|config|volant|guest|publish|registry|sources|imagers|presets|serve|farm)\//,
};

test("the source was found, and its imports too", () => {
  expect(files.length).toBeGreaterThan(50);
  expect(local.length).toBeGreaterThan(100);
});

test("every folder is in the table", () => {
  expect(files.map((file) => file.split("/")[0] ?? "").filter((folder) => !(folder in LAYER))).toEqual([]);
});

test("imports go down the layers, those of types too", () => {
  const wrong = local.filter(({ from, to }) => !goesDown(from, to)).map(shown);
  expect(wrong, "move what both need into src/contract, or ask for it as an argument").toEqual([]);
});

test("folders beside each other do not reach into each other", () => {
  const wrong = local.filter(({ from, to }) => reachesIntoNeighbour(from, to)).map(shown);
  expect(wrong, "move what both need up into the folder that holds them, or export it from index.ts").toEqual([]);
});

test("there are no cycles, not of types either", () => {
  const edges = new Map<string, string[]>();
  for (const { from, to, isLazy } of local) if (!isLazy) edges.set(from, [...(edges.get(from) ?? []), to]);
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): void => {
    if (trail.includes(file)) {
      const cycle = [...trail.slice(trail.indexOf(file)), file].join(" -> ");
      throw new Error(`import cycle: ${cycle}; put what they share into a file below them`);
    }
    if (done.has(file)) return;
    for (const to of edges.get(file) ?? []) visit(to, [...trail, file]);
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
  expect(wrong.map(shown)).toEqual([]);
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

function goesDown(from: string, to: string): boolean {
  const [a = "", b = ""] = [from.split("/")[0], to.split("/")[0]];
  if (a === b) return true;
  const [upper = -1, lower = 99] = [LAYER[a], LAYER[b]];
  // A feature owns its options, and what they are resolved to.
  if ((a === "config" || a === "contract") && to.endsWith("options.ts")) return true;
  if (a === "contract" && b === "volant") return true;
  if (a === "registry" && b === "store") return true;
  if (b === "store" || b === "registry") return a === "sources" || a === "guest" || upper > lower;
  return lower < upper;
}

function reachesIntoNeighbour(from: string, to: string): boolean {
  const [a, b] = [from.split("/"), to.split("/")];
  if (a.length < 3 || b.length < 3 || a[0] !== b[0] || a[1] === b[1]) return false;
  return !SHARED.includes(`${b[0]}/${b[1]}`) && !/(^|-)(index|options)\.ts$/.test(b.at(-1) ?? "");
}

function shown({ from, to }: Import): string {
  return `${from} -> ${to}`;
}
