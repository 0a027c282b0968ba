import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { PathWatcher } from "../../../../src/lib/files/watch.ts";
import { isCovered, type WatchedPath } from "../../../../src/lib/files/watched.ts";
import { project } from "../../../helpers/project.ts";

/** A folder that is watched; `until` waits for a change to be told and returns all that was, as relative paths. */
async function watched(files: Record<string, string>, list: (at: (name: string) => string) => readonly WatchedPath[]) {
  const cwd = project(files);
  const at = (name: string): string => join(cwd, name);
  const told = new Set<string>();
  const watcher = new PathWatcher({
    onChange: (paths) => {
      for (const path of paths) told.add(relative(cwd, path));
    },
    onPolling: (reason) => told.add(`polling: ${reason}`),
  });
  onTestFinished(() => watcher.close());
  await watcher.watch(list(at));
  const until = async (...names: string[]): Promise<string[]> => {
    const deadline = performance.now() + 5000;
    while (!names.every((name) => told.has(name)) && performance.now() < deadline) await delay(10);
    const all = [...told].sort();
    told.clear();
    return all;
  };
  return { at, watcher, until, write: (name: string, text: string) => writeFileSync(at(name), text) };
}

test("a file: written, replaced as editors do, made executable, deleted, and back again", async () => {
  const { at, until, write } = await watched({ "a.txt": "1", "b.txt": "1" }, (at) => [{ path: at("a.txt") }]);
  write("b.txt", "noise");
  write("a.txt", "22");
  expect(await until("a.txt")).toEqual(["a.txt"]);
  write(".a.swp", "333");
  renameSync(at(".a.swp"), at("a.txt"));
  expect(await until("a.txt")).toEqual(["a.txt"]);
  chmodSync(at("a.txt"), 0o755);
  expect(await until("a.txt")).toEqual(["a.txt"]);
  unlinkSync(at("a.txt"));
  expect(await until("a.txt")).toEqual(["a.txt"]);
  write("a.txt", "4444");
  expect(await until("a.txt")).toEqual(["a.txt"]);
});

test("what is not there yet, folders above it included", async () => {
  const { at, until, write } = await watched({}, (at) => [{ path: at("x/y/z.txt") }]);
  mkdirSync(at("x/y"), { recursive: true });
  write("x/y/z.txt", "here");
  expect(await until("x/y/z.txt")).toEqual(["x/y/z.txt"]);
  rmSync(at("x"), { recursive: true });
  expect(await until("x/y/z.txt")).toEqual(["x/y/z.txt"]);
  mkdirSync(at("x/y"), { recursive: true });
  write("x/y/z.txt", "again");
  expect(await until("x/y/z.txt")).toEqual(["x/y/z.txt"]);
});

test("a folder: files in it, new folders in it, and the folder itself replaced by another", async () => {
  const { at, until, write } = await watched({ "site/index.html": "1" }, (at) => [{ path: at("site") }]);
  mkdirSync(at("site/a/b"), { recursive: true });
  expect(await until("site/a", "site/a/b")).toEqual(["site/a", "site/a/b"]);
  write("site/a/b/c.txt", "deep");
  expect(await until("site/a/b/c.txt")).toEqual(["site/a/b/c.txt"]);
  mkdirSync(at("next"));
  write("next/index.html", "2");
  renameSync(at("site"), at("old"));
  renameSync(at("next"), at("site"));
  expect(await until("site/index.html", "site/a/b/c.txt")).toContain("site/index.html");
  write("site/index.html", "33");
  expect(await until("site/index.html")).toEqual(["site/index.html"]);
});

test("what a folder's list leaves out is not told", async () => {
  const accepts = (path: string): boolean => !path.startsWith("out");
  const { at, until, write } = await watched({ "src/a": "1", "src/out/b": "1" }, (at) => [
    { path: at("src"), accepts },
  ]);
  write("src/out/b", "22");
  mkdirSync(at("src/out/c"));
  write("src/a", "22");
  expect(await until("src/a")).toEqual(["src/a"]);
});

test("behind a symbolic link", async () => {
  const cwd = project({ "real/a.txt": "1" });
  const { at, until } = await watched({ "x.txt": "" }, (at) => {
    symlinkSync(join(cwd, "real/a.txt"), at("link"));
    return [{ path: at("link") }];
  });
  writeFileSync(join(cwd, "real/a.txt"), "22");
  expect(await until("link")).toEqual(["link"]);
  writeFileSync(join(cwd, "real/b.txt"), "333");
  unlinkSync(at("link"));
  symlinkSync(join(cwd, "real/b.txt"), at("link"));
  expect(await until("link")).toEqual(["link"]);
});

test("a change between a file's reading and its being watched is told", async () => {
  const { at, watcher, until, write } = await watched({ "a.txt": "1", "b.txt": "1" }, () => []);
  watcher.note(at("a.txt"));
  write("a.txt", "22");
  await watcher.watch([{ path: at("a.txt") }, { path: at("b.txt") }]);
  expect(await until("a.txt")).toEqual(["a.txt"]);
});

test("isCovered looks at each folder on the way", () => {
  const accepts = (path: string, isFolder: boolean): boolean => (isFolder ? path !== "skip" : path.endsWith(".ts"));
  const by: WatchedPath = { path: "/p", accepts };
  for (const path of ["/p", "/p/a.ts", "/p/x/a.ts"]) expect(isCovered(by, path)).toBe(true);
  for (const path of ["/", "/q/a.ts", "/pa.ts", "/p/a.js", "/p/skip/a.ts"]) expect(isCovered(by, path)).toBe(false);
});
