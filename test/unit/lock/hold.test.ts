import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { configuredKernel } from "../../../src/boot/configured-kernel.ts";
import type { ResolvedPlugin } from "../../../src/contract/plugin.ts";
import type { Warning } from "../../../src/lib/context.ts";
import { sha256 } from "../../../src/lib/digest.ts";
import { formatLock } from "../../../src/lock/format.ts";
import { holdToLock } from "../../../src/lock/hold.ts";
import { lockStatus } from "../../../src/lock/status.ts";
import { testContext } from "../../helpers/context.ts";
import { file, httpServer, json, type TestServer } from "../../helpers/file-server.ts";
import { smallPlugin } from "../../helpers/plugin.ts";
import { tempDir } from "../../helpers/temp.ts";

const KEY = "agent volantvm/volant latest";
const digest = sha256("agent");

let server: TestServer;
beforeEach(async () => {
  server = await httpServer({
    "/repos/volantvm/volant/releases/latest": json({
      tag_name: "v1",
      assets: [{ name: "kestrel", browser_download_url: "https://example.org/kestrel", digest }],
    }),
    "/busybox": file("busybox"),
  });
});

const context = (env: Record<string, string> = {}) =>
  testContext({ env: { GITHUB_API_URL: server.origin, ...env }, cacheDir: tempDir() });

function pluginWith(more: Partial<ResolvedPlugin>, entries?: Record<string, Record<string, string>>): ResolvedPlugin {
  const plugin = { ...smallPlugin({ agent: { release: "latest" } }), ...more } as ResolvedPlugin;
  if (entries !== undefined) {
    writeFileSync(join(plugin.baseDir, "fledge.lock"), formatLock(new Map(Object.entries(entries)) as never));
  }
  return plugin;
}

const GOOD = { digest, tag: "v1", url: "https://example.org/kestrel" };

describe("a build", () => {
  it("is held to nothing without a lock", async () => {
    expect(await holdToLock(pluginWith({}), context())).toEqual({ warnings: [] });
    expect(await holdToLock(pluginWith({}), context({ CI: "true" }))).toEqual({ warnings: [] });
    expect(server.requests).toEqual([]);
  });

  it("is held to a lock", async () => {
    const held = await holdToLock(pluginWith({}, { [KEY]: GOOD }), context(), { frozen: true });
    expect(held).toEqual({ locks: new Map([[KEY, GOOD]]), warnings: [] });
  });

  it("warns of what is not in it, and of what is stale, which it does not use", async () => {
    const missing = await holdToLock(pluginWith({}, {}), context());
    expect(missing.warnings).toMatchObject([{ message: expect.stringContaining(`has no entry "${KEY}", so`) }]);
    const agent = { release: "latest", checksum: sha256("other") };
    const stale = await holdToLock(pluginWith({ agent }, { [KEY]: GOOD }), context());
    expect(stale.locks).toEqual(new Map());
    expect(stale.warnings).toMatchObject([{ message: expect.stringMatching(/is stale: agent\.checksum is sha256:/) }]);
  });

  it.each<[what: string, entries: Record<string, Record<string, string>>, problem: string]>([
    ["is not in it", {}, `"${KEY}" is missing`],
    ["has another request", { "agent volantvm/volant v1": GOOD }, `"${KEY}" is missing`],
    ["has no URL", { [KEY]: { digest } }, `"${KEY}" is stale: it has no URL`],
    [
      "has a URL of another kind",
      { [KEY]: { ...GOOD, url: "file:///etc/passwd" } },
      `"${KEY}" is stale: it has no URL`,
    ],
  ])("that is frozen fails when the agent %s", async (_, entries, message) => {
    for (const [env, frozen] of [[{}, true] as const, [{ CI: "1" }, undefined] as const]) {
      const held = holdToLock(pluginWith({}, entries), context(env), { frozen });
      await expect(held).rejects.toMatchObject({ code: "config", problems: [expect.objectContaining({ message })] });
    }
    expect(server.requests).toEqual([]);
  });

  it("that is frozen needs a lock only for what could be in it", async () => {
    await expect(holdToLock(pluginWith({}), context(), { frozen: true })).rejects.toMatchObject({
      code: "config",
      message: expect.stringMatching(/^there is no \S+fledge\.lock/),
    });
    const local = pluginWith({ agent: { path: "./kestrel" } });
    expect(await holdToLock(local, context(), { frozen: true })).toMatchObject({ warnings: [] });
  });

  it("that is frozen refuses an image of a store by its name, not by its ID", async () => {
    const image = (name: string) =>
      pluginWith({ agent: { path: "./a" }, source: { image: `docker-daemon:${name}` } }, {});
    await expect(holdToLock(image("web:v1"), context(), { frozen: true })).rejects.toMatchObject({
      problems: [{ message: "docker-daemon:web:v1 is not pinned, and cannot be by a lock", hint: expect.any(String) }],
    });
    expect(await holdToLock(image(`sha256:${"0".repeat(64)}`), context(), { frozen: true })).toMatchObject({
      warnings: [],
    });
  });

  it("CI=0 and CI=false are no CI", async () => {
    for (const CI of ["0", "false", ""]) {
      expect((await holdToLock(pluginWith({}, {}), context({ CI }))).warnings).toHaveLength(1);
    }
  });

  it("adds what is missing where the config says so, but not when it is frozen", async () => {
    const plugin = pluginWith({ lock: true });
    const path = join(plugin.baseDir, "fledge.lock");
    await expect(holdToLock(plugin, context(), { frozen: true })).rejects.toMatchObject({ code: "config" });
    expect(existsSync(path)).toBe(false);
    const held = await holdToLock(plugin, context());
    expect(held.locks).toEqual(new Map([[KEY, GOOD]]));
    expect(readFileSync(path, "utf8")).toBe(formatLock(new Map([[KEY, GOOD]])));
    expect(server.requests).toHaveLength(1);
    await holdToLock(plugin, context());
    expect(server.requests).toHaveLength(1);
  });

  it("offline says what is in no lock, and what the cache lacks, and asks for nothing", async () => {
    const busybox = { url: server.url("/busybox"), sha256: sha256("busybox") };
    const env = { FLEDGE_OFFLINE: "1" };
    await expect(holdToLock(pluginWith({ busybox }), context(env))).rejects.toMatchObject({
      code: "download",
      problems: [
        { message: `"${KEY}" is in no lock, so it would have to be asked for` },
        { message: `BusyBox from ${busybox.url} (${sha256("busybox")}) is not in the cache` },
      ],
    });
    await expect(holdToLock(pluginWith({}, { [KEY]: GOOD }), context(env))).rejects.toMatchObject({
      problems: [{ message: `the agent of volantvm/volant v1 (${digest}) is not in the cache` }],
    });
    expect(server.requests).toEqual([]);
  });
});

it("the status says what holds each input", async () => {
  const busybox = { url: server.url("/busybox"), sha256: sha256("busybox") };
  const plugin = pluginWith({ busybox }, { [KEY]: GOOD });
  const rows = [
    { key: KEY, digest, by: "lock" },
    { key: `busybox ${busybox.url}`, digest: sha256("busybox"), by: "config" },
  ];
  const file = join(plugin.baseDir, "fledge.lock");
  expect(await lockStatus(plugin)).toEqual({ file, inputs: rows, unpinned: [], notes: [] });
  const { inputs } = await lockStatus(pluginWith({}));
  expect(inputs).toEqual([{ key: KEY, problem: "not pinned" }]);
});

describe("the kernel of a boot", () => {
  const KERNEL = "kernel volantvm/volant v0.6.5";
  const digest = sha256("kernel");
  const entry = { digest, tag: "v0.6.5", url: "https://example.org/bzImage" };
  const guest = { kernel: { release: "v0.6.5" } };

  it("is no matter of a build, unless the lock is written or has to be whole", async () => {
    const plugin = pluginWith({ guest }, { [KEY]: GOOD });
    expect((await holdToLock(plugin, context())).warnings).toEqual([]);
    expect((await holdToLock(plugin, context(), { use: "boot" })).warnings).toEqual([
      expect.objectContaining({ message: expect.stringContaining(`has no entry "${KERNEL}"`) }),
    ]);
    for (const use of ["build", "boot"] as const) {
      await expect(holdToLock(plugin, context(), { frozen: true, use })).rejects.toMatchObject({
        problems: [expect.objectContaining({ message: `"${KERNEL}" is missing` })],
      });
    }
  });

  it("has to be in the cache where the network is not to be used", async () => {
    const plugin = pluginWith({ agent: undefined, guest } as never, { [KERNEL]: entry });
    const env = { FLEDGE_OFFLINE: "1" };
    expect((await holdToLock(plugin, context(env))).warnings).toEqual([]);
    await expect(holdToLock(plugin, context(env), { use: "boot" })).rejects.toMatchObject({
      problems: [{ message: `the kernel of volantvm/volant v0.6.5 (${digest}) is not in the cache` }],
    });
  });

  it("is fetched as the lock has it, and once", async () => {
    const blobs = await httpServer({ "/bzImage": file("kernel") });
    const plugin = pluginWith({ guest }, { [KERNEL]: { ...entry, url: `${blobs.origin}/bzImage` } });
    const around = context();
    const warnings: Warning[] = [];
    for (let i = 0; i < 2; i++) {
      const path = await configuredKernel(plugin, around, { frozen: true, warnings });
      expect(readFileSync(path ?? "", "utf8")).toBe("kernel");
    }
    expect(blobs.requests.map((request) => request.path)).toEqual(["/bzImage"]);
    expect([warnings, server.requests]).toEqual([[], []]);
  });

  it("by URL without a checksum is booted with a warning that says what to pin", async () => {
    const blobs = await httpServer({ "/vmlinux": file("kernel") });
    const warnings: Warning[] = [];
    const plugin = pluginWith({ guest: { kernel: { url: `${blobs.origin}/vmlinux` } } });
    await configuredKernel(plugin, context(), { frozen: undefined, warnings });
    expect(warnings).toEqual([
      {
        message: `the kernel from ${blobs.origin}/vmlinux is not pinned: whatever is there will be booted`,
        hint: `guest.kernel.checksum = "${digest}", or fledge lock`,
      },
    ]);
  });
});
