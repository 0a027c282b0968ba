import { linkSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readBaseline, writeBaseline } from "../../src/budget/baseline.ts";
import { growthBetween, overrunsOf } from "../../src/budget/compare.ts";
import { build } from "../../src/build.ts";
import { loadPlugins } from "../../src/config/project.ts";
import type { ByteString } from "../../src/lib/bytes.ts";
import { budgetStatus } from "../../src/pipeline/budget-status.ts";
import type { BuildEvent } from "../../src/pipeline/events.ts";
import { allocatedBytes } from "../../src/rootfs/allocated.ts";
import { lookup } from "../../src/rootfs/lookup.ts";
import { RootfsTree } from "../../src/rootfs/tree.ts";
import { project } from "../helpers/project.ts";

const SIZE = { imageBytes: 1000, usedBytes: 8192, inodes: 3, origins: { source: 8192 } };

const TOML = (budgets: string) => `
version = "1"
strategy = "oci_rootfs"
name = "web"
[source]
dir = "root"
[filesystem]
type = "tar"
[mappings]
"app" = "/usr/bin/app"
[budgets]
${budgets}
`;

type Project = { readonly cwd: string; readonly env: Record<string, string> };

async function built(
  { cwd, env }: Project,
  { failing = false, ...more }: { baseline?: boolean; files?: string; failing?: boolean } = {},
) {
  const [plugin] = await loadPlugins({ cwd });
  if (plugin === undefined) throw new Error("no plugin");
  const warnings: string[] = [];
  const onEvent = (event: BuildEvent): void => {
    if (event.type === "warning") warnings.push(event.message);
  };
  const hooks = {
    "build:done": () => {
      if (failing) throw new Error("at the end");
    },
  };
  const result = await build(
    { ...plugin, hooks: [...plugin.hooks, { origin: "test", hooks }] },
    { env, onEvent, ...more },
  );
  return { plugin, result, warnings, env };
}

function start(budgets: string): Project {
  const cwd = project({
    "fledge.toml": TOML(budgets),
    app: "a".repeat(5000),
    "root/etc/passwd": "root:x:0:0::/:/bin/sh\n",
  });
  return { cwd, env: { ...(process.env as Record<string, string>), FLEDGE_CACHE_DIR: join(cwd, "cache") } };
}

describe("what is compared", () => {
  test("sizes, and growth since a baseline", () => {
    expect(overrunsOf(SIZE, { imageBytes: 1000, usedBytes: 8191, inodes: 2 }).map(({ what }) => what)).toEqual([
      "usedBytes",
      "inodes",
    ]);
    expect(overrunsOf(SIZE, { growth: 0.05 })).toEqual([]);
    expect(overrunsOf(SIZE, { growth: 0.05 }, { ...SIZE, imageBytes: 950 })).toEqual([
      { what: "imageBytes", actual: 1000, most: 997, isGrowth: true },
    ]);
    expect(overrunsOf(SIZE, { commandLineBytes: 1 })).toEqual([]);
  });

  test("growth by origin, the largest change first", () => {
    const before = { ...SIZE, origins: { "layer 1": 100, init: 5, agent: 50 } };
    const after = { ...SIZE, origins: { "layer 1": 90, init: 5, "layer 2": 60 } };
    expect(growthBetween(before, after)).toEqual([
      { origin: "layer 2", bytes: 60 },
      { origin: "agent", bytes: -50 },
      { origin: "layer 1", bytes: -10 },
    ]);
  });

  test("blocks: holes take none, a block that two runs share counts once", () => {
    const tree = new RootfsTree();
    tree.writeFile("/a", Buffer.alloc(4097, 1));
    tree.writeFile("/empty", "");
    tree.symlink("a", "/link");
    const at = (path: string) => {
      const node = lookup(tree.root, path as ByteString, { followLast: false })?.node;
      if (node === undefined) throw new Error(path);
      return node;
    };
    expect(["/a", "/empty", "/link", "/"].map((path) => allocatedBytes(at(path)))).toEqual([8192, 0, 0, 4096]);
    const segments = [
      { at: 0, length: 10 },
      { at: 20, length: 4090 },
      { at: 1 << 20, length: 1 },
    ];
    const sparse = { ...at("/a"), size: 2 ** 30, content: { kind: "stored", file: "x", offset: 0, segments } } as const;
    expect(allocatedBytes(sparse as never)).toBe(3 * 4096);
  });
});

describe("a build", () => {
  test("over its budget fails, says what grew, and leaves what was there", async () => {
    const project = start('used_bytes = "60K"');
    const { result } = await built(project);
    expect(result.size).toMatchObject({
      usedBytes: 57_344,
      inodes: 13,
      origins: { "mapping app": 12_288, source: 12_288 },
    });
    const before = readFileSync(result.artifact.path);
    writeFileSync(join(project.cwd, "app"), "b".repeat(20_000));
    await expect(built(project)).rejects.toMatchObject({
      code: "image",
      message: "web is over its budget",
      problems: [
        { message: "what its files take is 68.0 KiB, and budgets.usedBytes allows 60.0 KiB" },
        { message: "since the last build +12.0 KiB: +12.0 KiB mapping app" },
      ],
    });
    expect(readFileSync(result.artifact.path).equals(before)).toBe(true);
    writeFileSync(join(project.cwd, "fledge.toml"), TOML('used_bytes = "68K"'));
    expect((await built(project)).result.size.usedBytes).toBe(69_632);
  });

  test("growth is measured against what was recorded", async () => {
    const project = start('growth = "10%"');
    const first = await built(project);
    expect(first.warnings).toEqual(["budgets.growth says nothing of web: no baseline was recorded"]);
    const file = await writeBaseline(first.plugin, first.result.size);
    expect(readFileSync(file, "utf8").split("\n")).toContain('        "mapping app": 12288,');
    writeFileSync(join(project.cwd, "app"), "b".repeat(20_000));
    await expect(built(project)).rejects.toMatchObject({
      problems: [
        { message: expect.stringContaining("the recorded baseline and budgets.growth allow") },
        { message: expect.stringContaining("what its files take is 68.0 KiB") },
        { message: "since the last build +12.0 KiB: +12.0 KiB mapping app" },
        { message: "since the recorded baseline +12.0 KiB: +12.0 KiB mapping app" },
      ],
      hint: expect.stringContaining("fledge budget web --record"),
    });
    const { plugin, result } = await built(project, { baseline: true });
    expect((await budgetStatus(plugin, project)).overruns).toHaveLength(2);
    await writeBaseline(plugin, result.size);
    const { overruns, growth, size } = await budgetStatus(plugin, project);
    expect([overruns, growth, size]).toEqual([[], [], result.size]);
  });

  test("what is no baseline is said of its file", async () => {
    const { cwd } = start('growth = "5%"');
    const [plugin] = await loadPlugins({ cwd });
    if (plugin === undefined) throw new Error("no plugin");
    expect(await readBaseline(plugin)).toBeUndefined();
    const size = { imageBytes: 1, usedBytes: 1, inodes: 1, origins: {} };
    const sizes = [
      ...[{ imageBytes: "x" }, { imageBytes: -1 }, { origins: null }, { origins: [1, 2] }, { commandLineBytes: "zz" }],
    ].map((change) => JSON.stringify({ version: 1, plugins: { web: { ...size, ...change } } }));
    for (const text of ["{", "[]", '{"version":1,"plugins":[]}', '{"version":"1","plugins":{}}', ...sizes]) {
      writeFileSync(join(cwd, "fledge.budget.json"), text);
      await expect(readBaseline(plugin)).rejects.toMatchObject({ code: "config", message: /is not a baseline/ });
    }
    writeFileSync(join(cwd, "fledge.budget.json"), '{"version":2,"plugins":{}}');
    await expect(readBaseline(plugin)).rejects.toMatchObject({ code: "config", message: /is of a newer fledge/ });
  });
});

test("the listing of files has digests and origins, and goes with a build that fails", async () => {
  const project = start('used_bytes = "60K"');
  linkSync(join(project.cwd, "root/etc/passwd"), join(project.cwd, "root/etc/shadow"));
  const files = join(project.cwd, "web.files.json");
  await built(project, { files });
  const text = readFileSync(files, "utf8");
  const listed = JSON.parse(text) as { path: string }[];
  expect(listed.find(({ path }) => path === "/usr/bin/app")).toMatchObject({
    ...{ type: "file", mode: "0755", size: 5000, origin: { kind: "mapping", label: "mappings.app" } },
    digest: expect.stringMatching(/^(sha256:)?[0-9a-f]{64}$/),
  });
  expect(listed.find(({ path }) => path === "/etc/shadow")).toEqual({ path: "/etc/shadow", link: "/etc/passwd" });
  expect(text.split("\n")).toHaveLength(listed.length + 3);
  writeFileSync(join(project.cwd, "app"), "b".repeat(4999));
  await expect(built(project, { files, failing: true })).rejects.toThrow("at the end");
  expect(readFileSync(files, "utf8")).toBe(text);
});

test("what is no budget is said of its key", async () => {
  const cwd = project({ "fledge.toml": TOML('growth = "much"') });
  await expect(loadPlugins({ cwd })).rejects.toMatchObject({ problems: [{ message: expect.stringContaining("5%") }] });
});
