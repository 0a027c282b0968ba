import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadPlugins } from "../../../../src/config/project.ts";
import type { ResolvedPlugin } from "../../../../src/contract/plugin.ts";
import { DEFAULT_BUSYBOX } from "../../../../src/guest/busybox/options.ts";
import { project } from "../../../helpers/project.ts";
import { problemsOf } from "../expect-problems.ts";

const options = { env: {}, platform: "linux/amd64" };

const write = (config: string) =>
  project({ "fledge.config.mjs": `export default ${config};`, "package.json": '{"type":"module"}' });

async function resolved(config: string, more: object = {}): Promise<ResolvedPlugin> {
  const [plugin] = await loadPlugins({ ...options, cwd: write(config), ...more });
  if (plugin === undefined) throw new Error("nothing was loaded");
  return plugin;
}

async function problems(config: string): Promise<string[]> {
  const cwd = write(config);
  const lines = await problemsOf(loadPlugins({ ...options, cwd }), cwd);
  return lines.map((line) => line.replace("fledge.config.mjs: ", ""));
}

describe("defaults", () => {
  it("of an initramfs are in place, and noted", async () => {
    const plugin = await resolved(`{ strategy: "initramfs", name: "a" }`, { platform: undefined });
    expect(plugin).toMatchObject({
      version: "0.1.0",
      init: { mode: "default", run: "/bin/kestrel" },
      agent: { release: "latest" },
      busybox: DEFAULT_BUSYBOX,
      archive: { compression: "gzip" },
      guest: { kernel: "stock" },
      outDir: plugin.baseDir,
    });
    const keys = plugin.notes.map(({ key }) => key);
    expect(keys).toEqual(["version", "platform", "outDir", "agent", "busybox", "archive.compression"]);
    expect(plugin.notes.find(({ key }) => key === "agent")).toEqual({
      key: "agent",
      value: { release: "latest" },
      from: "the default init starts it",
    });
  });

  it("of an oci_rootfs have no agent", async () => {
    const plugin = await resolved(`{ strategy: "oci_rootfs", source: { dir: "./root" } }`);
    expect(plugin).toMatchObject({ filesystem: { type: "ext4" }, source: { dir: join(plugin.baseDir, "root") } });
    expect("agent" in plugin || "busybox" in plugin || "init" in plugin).toBe(false);
  });

  it("are frozen all the way down", async () => {
    const plugin = await resolved(
      `{ strategy: "initramfs", manifest: { labels: { a: "b" }, url: (file) => "x/" + file }, mappings: { a: "/a" } }`,
    );
    expect(
      Object.isFrozen(plugin) && Object.isFrozen(plugin.manifest.labels) && Object.isFrozen(plugin.mappings[0]),
    ).toBe(true);
    expect(plugin.manifest.url).toBeTypeOf("function");
  });
});

describe("the name", () => {
  it.each([
    ["nginx:alpine", "nginx"],
    ["registry:5000/team/My.App@sha256:00", "my.app"],
    ["docker://ghcr.io/a/b:1", "b"],
    ["docker-daemon:local:dev", "local"],
    ["oci:images/web:v1", "web"],
    ["docker-archive:images/web.tar.gz", "web"],
  ])("of %s is %s", async (image, name) => {
    const plugin = await resolved(`{ strategy: "oci_rootfs", source: { image: "${image}" } }`);
    expect(plugin.name).toBe(name);
  });

  it("is the folder's when nothing else gives one", async () => {
    const plugin = await resolved(`{ strategy: "initramfs" }`);
    expect(plugin.name).toBe(basename(plugin.baseDir).toLowerCase());
    expect(plugin.notes[0]).toMatchObject({ key: "name", from: `the folder "${basename(plugin.baseDir)}"` });
  });
});

describe("the init", () => {
  it("of your own is a file of the project or a path in the guest, and takes an agent without starting it", async () => {
    const plugin = await resolved(
      `{ strategy: "initramfs", init: { path: "./my.sh", exec: true }, agent: { path: "k" } }`,
    );
    expect(plugin).toMatchObject({
      init: { mode: "custom", run: "/sbin/my.sh", from: join(plugin.baseDir, "my.sh"), exec: true },
      agent: { path: join(plugin.baseDir, "k") },
      busybox: DEFAULT_BUSYBOX,
    });
    const guest = await resolved(`{ strategy: "initramfs", init: { path: "/usr/bin/app" } }`);
    expect(guest).toMatchObject({ init: { mode: "custom", run: "/usr/bin/app" } });
    expect(guest.agent).toBeUndefined();
  });

  it("none leaves BusyBox and agent out unless BusyBox is asked for", async () => {
    const bare = await resolved(`{ strategy: "initramfs", init: { none: true }, agent: false }`);
    expect("agent" in bare || "busybox" in bare).toBe(false);
    const plugin = await resolved(`{ strategy: "initramfs", init: { none: true }, busybox: { url: "file:///bb" } }`);
    expect(plugin).toMatchObject({ init: { mode: "none" }, busybox: { url: "file:///bb" } });
  });
});

describe("what does not go together", () => {
  it.each([
    [`{ name: "a" }`, ['strategy: is missing (write strategy: "oci_rootfs" (a disk image) or "initramfs")']],
    [
      `{ strategy: "initramfs", filesystem: {} }`,
      ["filesystem: belongs to the oci_rootfs strategy, and this is an initramfs (remove filesystem)"],
    ],
    [
      `{ strategy: "oci_rootfs", init: { none: true }, archive: {} }`,
      [
        "init: belongs to the initramfs strategy, and this is an oci_rootfs (remove init)",
        "archive: belongs to the initramfs strategy, and this is an oci_rootfs (remove archive)",
        `source: is missing; an oci_rootfs is made from something (write source: { image: "nginx:alpine" }, or dockerfile, layout, archive, tar or dir)`,
      ],
    ],
    [
      `{ strategy: "initramfs", init: { none: true }, agent: { release: "latest" } }`,
      [
        "agent: has no place beside init.none, where nothing of fledge's starts it (remove agent, or map the binary yourself)",
      ],
    ],
    [
      `{ strategy: "initramfs", agent: false, busybox: false, platform: "linux/amd64" }`,
      [
        "agent: is false, but the default init starts the agent (write an init of your own)",
        "busybox: is false, but the init needs its shell (leave it in, or write init.none)",
      ],
    ],
  ])("%s", async (config, expected) => {
    expect(await problems(config)).toEqual(expected);
  });

  it("is told for another platform", async () => {
    const load = (platform: string) => loadPlugins({ ...options, platform, cwd: write(`{ strategy: "initramfs" }`) });
    await expect(load("linux/arm64")).rejects.toMatchObject({
      problems: [
        {
          message: "busybox: is missing; the default one is for amd64, and the plugin for arm64",
          hint: "write busybox.url or busybox.path",
        },
      ],
    });
    await expect(load("windows/amd64")).rejects.toMatchObject({
      problems: [{ message: 'platform: "windows/amd64" is not linux, which every guest of Volant runs' }],
    });
    await expect(load("Linux!")).rejects.toMatchObject({ code: "usage", message: '"Linux!" is not a platform' });
  });
});

describe("mappings", () => {
  it("are sorted by the bytes of the guest path, then of the host path", async () => {
    const plugin = await resolved(
      `{ strategy: "initramfs", mappings: { b: "/z", a: "/z", "é": "/é", "\u{1F600}": "/\u{1F600}", "\uFFEE": "/\uFFEE", c: "/a" } }`,
    );
    expect(plugin.mappings.map(({ from, to }) => [basename(from), to])).toEqual([
      ["c", "/a"],
      ["a", "/z"],
      ["b", "/z"],
      ["é", "/é"],
      ["\uFFEE", "/\uFFEE"],
      ["\u{1F600}", "/\u{1F600}"],
    ]);
  });
});

describe("outputs", () => {
  it("go where the command line says, else where the config says", async () => {
    const config = `{ strategy: "initramfs", outDir: "./dist" }`;
    const own = await resolved(config);
    expect(own.outDir).toBe(join(own.baseDir, "dist"));
    expect((await resolved(config, { outDir: "/x" })).outDir).toBe("/x");
    expect((await resolved(config, { output: "/x/" })).outDir).toBe("/x");
    expect(await resolved(config, { output: "/x/a.cpio.gz" })).toMatchObject({ outDir: "/x", outFile: "/x/a.cpio.gz" });
  });
});
