import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { defineImager } from "../../../src/config/define.ts";
import type { FledgeHooks } from "../../../src/contract/hooks.ts";
import type { ResolvedInitramfs, ResolvedOciRootfs, ResolvedPlugin } from "../../../src/contract/plugin.ts";
import { writeHashed } from "../../../src/imagers/sink.ts";
import { Disposer } from "../../../src/lib/dispose.ts";
import type { BuildEvent } from "../../../src/pipeline/events.ts";
import { plan } from "../../../src/pipeline/plan.ts";
import { runPlan } from "../../../src/pipeline/run.ts";
import { removeDeadBuilds } from "../../../src/store/builds.ts";
import { smallPlugin } from "../../helpers/plugin.ts";
import { tempDir } from "../../helpers/temp.ts";

type Options = { readonly epochSec?: number; readonly force?: boolean };

/** A project whose builds share a cache. */
function project(cacheDir = join(tempDir(), "cache")) {
  const logs: string[] = [];
  const build = async (plugin: ResolvedPlugin, { epochSec = 0, force = false }: Options = {}) => {
    logs.length = 0;
    const result = await runPlan(plan(plugin, { force }), {
      env: { PATH: process.env.PATH },
      signal: new AbortController().signal,
      epoch: { stampSec: epochSec, ceilingSec: epochSec === 0 ? undefined : epochSec },
      cacheDir,
      disposer: new Disposer(),
      onEvent: (event: BuildEvent) => event.type === "log" && logs.push(event.message),
    });
    return result;
  };
  return { cacheDir, logs, build };
}

/** A plugin with a mapped folder that tests change. */
function mapped(overrides: Partial<ResolvedInitramfs> = {}) {
  const folder = tempDir();
  writeFileSync(join(folder, "a"), "one");
  writeFileSync(join(folder, "b"), "two");
  symlinkSync("a", join(folder, "link"));
  const small = smallPlugin();
  const plugin = {
    ...small,
    mappings: [...small.mappings, { from: folder, to: "/srv", key: 'mappings["./srv"]' }],
    ...overrides,
  };
  return { folder, plugin };
}

/** Which file it is, and when it was last written to. */
function written(path: string): string {
  const { ino, mtimeNs, ctimeNs } = lstatSync(path, { bigint: true });
  return `${ino} ${mtimeNs} ${ctimeNs}`;
}

const hooked = (hooks: FledgeHooks | Partial<FledgeHooks>): Partial<ResolvedInitramfs> => ({
  hooks: [{ origin: "fledge.config.ts", hooks }],
});

async function* oneChunk(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

describe("an artifact that is this tree already", () => {
  it("is left as it is, and so is its manifest", async () => {
    const { build } = project();
    const { plugin } = mapped();
    const first = await build(plugin);
    const paths = [first.artifact.path, first.manifest?.path ?? ""];
    const before = paths.map(written);
    const second = await build(plugin);
    expect([first.isUnchanged, second.isUnchanged]).toEqual([false, true]);
    expect(second.artifact).toEqual(first.artifact);
    expect(second.manifest).toEqual(first.manifest);
    expect(paths.map(written)).toEqual(before);
  });

  it("is one also when its files were touched, written anew or listed in another order", async () => {
    const { build } = project();
    const { folder, plugin } = mapped();
    await build(plugin);
    utimesSync(join(folder, "a"), 1e9, 1e9);
    rmSync(join(folder, "b"));
    writeFileSync(join(folder, "b"), "two");
    expect((await build(plugin)).isUnchanged).toBe(true);
    expect((await build({ ...plugin, mappings: plugin.mappings.toReversed() })).isUnchanged).toBe(true);
  });

  it("is written by force", async () => {
    const { build } = project();
    const { plugin } = mapped();
    const first = await build(plugin);
    const forced = await build(plugin, { force: true });
    expect(forced).toMatchObject({ isUnchanged: false, artifact: first.artifact });
    expect((await build(plugin)).isUnchanged).toBe(true);
  });

  it("gets the manifest that the recipe says", async () => {
    const { build } = project();
    const { plugin } = mapped();
    const first = await build(plugin);
    const other = { ...plugin, version: "2.0.0" };
    const before = written(first.artifact.path);
    const second = await build(other);
    expect(second).toMatchObject({ isUnchanged: false, artifact: first.artifact });
    expect(written(first.artifact.path)).toBe(before);
    expect(JSON.parse(readFileSync(second.manifest?.path ?? "", "utf8"))).toMatchObject({ version: "2.0.0" });
    rmSync(second.manifest?.path ?? "");
    expect((await build(other)).isUnchanged).toBe(false);
    expect((await build(other)).isUnchanged).toBe(true);
  });

  it("keeps its manifest when a hook fails that comes later", async () => {
    const { build } = project();
    const { plugin } = mapped();
    const { manifest } = await build(plugin);
    const before = readFileSync(manifest?.path ?? "", "utf8");
    const failing = hooked({
      "build:done": () => {
        throw new Error("no");
      },
    });
    await expect(build({ ...plugin, version: "2.0.0", ...failing })).rejects.toThrow("no");
    expect(readFileSync(manifest?.path ?? "", "utf8")).toBe(before);
  });

  it.each(["tar", "dir"] as const)("may be a %s", async (type) => {
    const { build } = project();
    const { folder, plugin } = mapped();
    const { init: _init, archive: _archive, busybox: _busybox, ...common } = plugin;
    const filesystem = type === "tar" ? ({ type, compression: "gzip" } as const) : ({ type } as const);
    const other = { ...common, strategy: "oci_rootfs", filesystem, source: undefined } as unknown as ResolvedOciRootfs;
    const first = await build(other);
    expect((await build(other)).isUnchanged).toBe(true);
    if (type === "dir") {
      // Deep inside, by as many bytes, and with the times that it had.
      const file = join(first.artifact.path, "srv/a");
      const { atime, mtime } = statSync(file);
      writeFileSync(file, "eno");
      utimesSync(file, atime, mtime);
      expect((await build(other)).isUnchanged).toBe(false);
      expect(readFileSync(file, "utf8")).toBe("one");
    }
    writeFileSync(join(folder, "a"), "other");
    expect((await build(other)).isUnchanged).toBe(false);
  });

  it("is told of an imager of the user's when it says a version", async () => {
    const { build } = project();
    const { plugin } = mapped();
    const { init: _init, archive: _archive, busybox: _busybox, ...common } = plugin;
    const imagerOf = (version?: string) =>
      defineImager({
        ...{ name: "names", suffix: ".names", isBootable: false },
        ...(version !== undefined && { version }),
        write: (tree, out, ctx) => writeHashed(out, oneChunk(tree.entries.map(({ path }) => path).join("\n")), ctx),
      });
    const withImager = (version?: string) =>
      ({
        ...common,
        strategy: "oci_rootfs",
        filesystem: { type: "custom", imager: imagerOf(version) },
      }) as ResolvedOciRootfs;
    await build(withImager());
    expect((await build(withImager())).isUnchanged).toBe(false);
    await build(withImager("1"));
    expect((await build(withImager("1"))).isUnchanged).toBe(true);
    expect((await build(withImager("2"))).isUnchanged).toBe(false);
  });
});

describe("what makes another tree", () => {
  const cases: Record<string, (folder: string, plugin: ResolvedInitramfs) => unknown> = {
    "other bytes": (folder) => writeFileSync(join(folder, "a"), "eno"),
    "another name": (folder) => renameSync(join(folder, "a"), join(folder, "c")),
    "a file more": (folder) => writeFileSync(join(folder, "c"), ""),
    "a file less": (folder) => rmSync(join(folder, "b")),
    "another mode": (folder) => chmodSync(join(folder, "a"), 0o755),
    "another target of a symlink": (folder) => {
      rmSync(join(folder, "link"));
      symlinkSync("b", join(folder, "link"));
    },
    "another owner": (_folder, plugin) => ({
      ...plugin,
      mappings: plugin.mappings.map((mapping) => ({ ...mapping, uid: 7 })),
    }),
    "an xattr": (_folder, plugin) => ({
      ...plugin,
      ...hooked({ "rootfs:ready": ({ rootfs }) => rootfs.setCapability("/srv/a", "cap_net_raw=ep") }),
    }),
    "what a hook writes": (_folder, plugin) => ({
      ...plugin,
      ...hooked({ "rootfs:ready": ({ rootfs }) => rootfs.writeFile("/srv/time", String(process.hrtime.bigint())) }),
    }),
    "an option": (_folder, plugin) => ({ ...plugin, archive: { compression: "gzip", level: 1 } }),
  };
  it.each(Object.entries(cases))("%s", async (_what, change) => {
    const { build, logs } = project();
    const { folder, plugin } = mapped({ archive: { compression: "gzip", level: 6 } });
    const first = await build(plugin);
    const other = (change(folder, plugin) ?? plugin) as ResolvedPlugin;
    const second = await build({ ...other, outFile: first.artifact.path });
    expect(second.isUnchanged).toBe(false);
    expect(logs.some((line) => line.startsWith("since the last build: "))).toBe(true);
  });

  it("the epoch", async () => {
    const { build } = project();
    const { plugin } = mapped();
    await build(plugin, { epochSec: 1000 });
    expect((await build(plugin, { epochSec: 1000 })).isUnchanged).toBe(true);
    expect((await build(plugin, { epochSec: 2000 })).isUnchanged).toBe(false);
  });

  it("is said in words: what, and whose it is", async () => {
    const { build, logs } = project();
    const { folder, plugin } = mapped();
    await build(plugin);
    writeFileSync(join(folder, "a"), "eno");
    rmSync(join(folder, "b"));
    writeFileSync(join(folder, "c"), "");
    await build(plugin);
    expect(logs.filter((line) => line.startsWith("since"))).toEqual([
      'since the last build: /srv/a changed (mappings["./srv"])',
      "since the last build: /srv/b is gone",
      'since the last build: /srv/c is new (mappings["./srv"])',
    ]);
  });

  it("is seen in a file that changes twice within one tick of the clock", async () => {
    const { build } = project();
    const { folder, plugin } = mapped();
    for (const text of ["aaa", "bbb", "ccc"]) {
      writeFileSync(join(folder, "a"), text);
      const { artifact } = await build(plugin);
      writeFileSync(join(folder, "a"), text.toUpperCase());
      const second = await build(plugin);
      expect(second.isUnchanged).toBe(false);
      expect(second.artifact.digest).not.toBe(artifact.digest);
    }
  });

  it("is seen in a file whose times lie in the future, as after a clock that went back", async () => {
    const { build } = project();
    const { folder, plugin } = mapped();
    const file = join(folder, "a");
    const future = Date.now() / 1000 + 86_400;
    utimesSync(file, future, future);
    await build(plugin);
    writeFileSync(file, "eno");
    utimesSync(file, future, future);
    expect((await build(plugin)).isUnchanged).toBe(false);
  });
});

describe("an artifact that is not what the last build left", () => {
  const cases: Record<string, (path: string) => void> = {
    removed: (path) => rmSync(path),
    "cut short": (path) => truncateSync(path, 100),
    "longer by a byte": (path) => appendFileSync(path, "x"),
    touched: (path) => utimesSync(path, 1, 1),
    "altered, with the times that it had": (path) => {
      const { atime, mtime, size } = statSync(path);
      writeFileSync(path, Buffer.alloc(size));
      utimesSync(path, atime, mtime);
    },
    "another file of the same bytes": (path) => {
      copyFileSync(path, `${path}.copy`);
      renameSync(`${path}.copy`, path);
    },
    "a link to a file elsewhere": (path) => {
      renameSync(path, `${path}.elsewhere`);
      symlinkSync(`${path}.elsewhere`, path);
    },
  };
  it.each(Object.entries(cases))("%s", async (_what, change) => {
    const { build } = project();
    const { plugin } = mapped();
    const first = await build(plugin);
    const bytes = readFileSync(first.artifact.path);
    change(first.artifact.path);
    const second = await build(plugin);
    expect(second).toMatchObject({ isUnchanged: false, artifact: first.artifact });
    expect(lstatSync(first.artifact.path).isFile()).toBe(true);
    expect(readFileSync(first.artifact.path).equals(bytes)).toBe(true);
    expect((await build(plugin)).isUnchanged).toBe(true);
  });

  it("since a hook changes it: then it is written each time", async () => {
    const { build } = project();
    const { plugin } = mapped(
      hooked({ "image:written": ({ artifact }) => appendFileSync(artifact.path, "signature") }),
    );
    await build(plugin);
    expect((await build(plugin)).isUnchanged).toBe(false);
    const { artifact } = await build(plugin);
    expect(readFileSync(artifact.path, "latin1").match(/signature/g)).toHaveLength(1);
  });

  it("since the build that wrote it was taken back", async () => {
    const { build } = project();
    const { folder, plugin } = mapped();
    const first = await build(plugin);
    writeFileSync(join(folder, "a"), "eno");
    const failing = hooked({
      "build:done": () => {
        throw new Error("no");
      },
    });
    await expect(build({ ...plugin, ...failing })).rejects.toThrow("no");
    writeFileSync(join(folder, "a"), "one");
    const again = await build(plugin);
    expect(again).toMatchObject({ isUnchanged: false, artifact: first.artifact });
  });
});

it("a cache that keeps no record does no harm, and forgets what is gone", async () => {
  const { build, cacheDir } = project();
  const { plugin } = mapped();
  mkdirSync(cacheDir, { recursive: true });
  writeFileSync(join(cacheDir, "builds"), "in the way");
  await build(plugin);
  expect((await build(plugin)).isUnchanged).toBe(false);
  rmSync(join(cacheDir, "builds"));
  const { artifact } = await build(plugin);
  await removeDeadBuilds(cacheDir);
  expect((await build(plugin)).isUnchanged).toBe(true);
  rmSync(artifact.path);
  await removeDeadBuilds(cacheDir);
  expect(readdirSync(join(cacheDir, "builds"))).toEqual([]);
});
