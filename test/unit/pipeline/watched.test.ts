import { join } from "node:path";
import { expect, test } from "vitest";
import type { ResolvedPlugin } from "../../../src/contract/plugin.ts";
import { isCovered } from "../../../src/lib/files/watched.ts";
import { isOutput, watchedPaths } from "../../../src/pipeline/watched.ts";
import type { SourceOptions } from "../../../src/sources/options.ts";
import { smallPlugin } from "../../helpers/plugin.ts";
import { project } from "../../helpers/project.ts";

const pathsOf = (plugin: ResolvedPlugin): string[] => watchedPaths(plugin).map(({ path }) => path);
const sourcePaths = (source: SourceOptions): string[] => pathsOf(smallPlugin({ mappings: [], source }));

test("mappings, init, agent and BusyBox, where they are on this machine", () => {
  const plugin = smallPlugin({
    mappings: [{ from: "/p/app", to: "/app", key: "k" }],
    init: { mode: "custom", run: "/sbin/i.sh", from: "/p/i.sh" },
    agent: { url: "file:///p/agent" },
    busybox: { path: "/p/busybox" },
  });
  expect(pathsOf(plugin)).toEqual(["/p/app", "/p/agent", "/p/busybox", "/p/i.sh"]);
  expect(pathsOf(smallPlugin({ mappings: [], agent: { release: "latest" } }))).toEqual([]);
  expect(pathsOf(smallPlugin({ mappings: [], agent: { url: "https://x/y" } }))).toEqual([]);
});

test("sources that are files or folders", () => {
  expect(sourcePaths({ layout: "/p/layout" })).toEqual(["/p/layout"]);
  expect(sourcePaths({ archive: "/p/a.tar" })).toEqual(["/p/a.tar"]);
  expect(sourcePaths({ tar: "/p/t.tar" })).toEqual(["/p/t.tar"]);
  expect(sourcePaths({ dir: "/p/root" })).toEqual(["/p/root"]);
  expect(sourcePaths({ image: "oci:/p/layout:v1" })).toEqual(["/p/layout"]);
  expect(sourcePaths({ image: "nginx:alpine" })).toEqual([]);
});

test("a Dockerfile's context, without what .dockerignore, version control and npm leave in it", () => {
  const cwd = project({ ".dockerignore": "# no\nlogs\n*.tmp\n**/*.log\n/dist/\n", Dockerfile: "" });
  const plugin = smallPlugin({ mappings: [], source: { dockerfile: join(cwd, "Dockerfile") } });
  const counts = (path: string): boolean => watchedPaths(plugin).some((by) => isCovered(by, join(cwd, path)));
  for (const path of ["Dockerfile", ".dockerignore", "src/a.ts", "src/x.tmp", "src/dist/x"])
    expect(counts(path)).toBe(true);
  for (const path of [".git/HEAD", "src/node_modules/x/y", "logs/a", "x.tmp", "a/b.log", "dist/x"]) {
    expect(counts(path)).toBe(false);
  }
});

test("a line with ! brings back what an earlier one left out", () => {
  const cwd = project({ ".dockerignore": "*\n!src\n", Dockerfile: "" });
  const plugin = smallPlugin({ mappings: [], source: { dockerfile: join(cwd, "Dockerfile"), context: cwd } });
  const counts = (path: string): boolean => watchedPaths(plugin).some((by) => isCovered(by, join(cwd, path)));
  expect(counts("src/a.ts")).toBe(true);
  expect(counts("other/a.ts")).toBe(false);
});

test("what builds write is known", () => {
  const plugin = smallPlugin();
  const isOwn = isOutput([plugin]);
  for (const name of ["small.cpio", "small.manifest.json", ".small.cpio.fledge-0a-40-12-7-00.tmp"]) {
    expect(isOwn(join(plugin.outDir, name))).toBe(true);
  }
  expect(isOwn(join(plugin.outDir, "other.cpio"))).toBe(false);
});
