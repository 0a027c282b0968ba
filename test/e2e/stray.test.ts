import { readdirSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import { fledge } from "../helpers/cli.ts";
import { project } from "../helpers/project.ts";

/** An initramfs whose build takes a while, with these lines of its config. */
const plugin = (name: string, more: string): string => `{
  name: "${name}", strategy: "initramfs", init: { none: true }, outDir: "out", archive: { compression: "none" },
  mappings: { "/bin/busybox": "/init" },
  manifest: { workload: { baseUrl: "http://127.0.0.1:80" } },
  ${more}
}`;

const config = (...plugins: string[]): Record<string, string> => ({
  "fledge.config.mjs": `import { readFile } from "node:fs/promises";
import { EventEmitter } from "node:events";
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const pause = { name: "pause", phase: "image", run: () => sleep(400) };
export default [${plugins.join(", ")}];
`,
});

const PAUSED = "stages: [pause],";

const left = (folder: string): string[] => {
  try {
    return readdirSync(`${folder}/out`).sort();
  } catch {
    return [];
  }
};

describe("code of a hook that fails where nobody waits", () => {
  test.each<[string, string, RegExp]>([
    [
      "a rejection at once",
      `hooks: { "rootfs:ready": () => { Promise.reject(new Error("boom")); } }`,
      /boom[\s\S]*hint .*await/,
    ],
    [
      "a rejection later",
      `${PAUSED} hooks: { "rootfs:ready": () => { (async () => { await sleep(50); throw new Error("boom"); })(); } }`,
      /boom[\s\S]*fledge\.config\.mjs:\d+:\d+[\s\S]*await/,
    ],
    [
      "a rejection of no error",
      `${PAUSED} hooks: { "rootfs:ready": () => { sleep(50).then(() => Promise.reject("boom")); } }`,
      /boom[\s\S]*await/,
    ],
    [
      "a timer",
      `${PAUSED} hooks: { "rootfs:ready": () => { setTimeout(() => { throw new Error("boom"); }, 50); } }`,
      /boom[\s\S]*timer/,
    ],
    [
      "an event",
      `${PAUSED} hooks: { "rootfs:ready": () => { const e = new EventEmitter(); setTimeout(() => e.emit("error", new Error("boom")), 50); } }`,
      /boom[\s\S]*event/,
    ],
    [
      "a hook that still runs",
      `hooks: { "rootfs:ready": async () => { Promise.reject(new Error("boom")); await sleep(60_000); } }`,
      /boom/,
    ],
    [
      "async in forEach",
      `${PAUSED} hooks: { "rootfs:ready": ({ rootfs }) => ["/etc/a", "/etc/b"].forEach(async (path) => { await sleep(30); rootfs.writeFile(path, "late"); }) }`,
      /went on after it had returned: it used rootfs.writeFile\("\/etc\/a"\)/,
    ],
    ["the last hook", `hooks: { "build:done": () => { Promise.reject(new Error("boom")); } }`, /boom/],
  ])("%s ends the build with its name, and leaves nothing behind", async (_, hooks, says) => {
    const folder = project(config(plugin("web", hooks)));
    const { code, stdout, stderr } = await fledge(["build"], { cwd: folder });
    expect(stderr).toMatch(/error hook "[\w:]+" of .*fledge\.config\.mjs/);
    expect(stderr).toMatch(says);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect([code, stdout, left(folder)]).toEqual([1, "", []]);
  });

  it("is build:failed with --json", async () => {
    const folder = project(
      config(plugin("web", `hooks: { "rootfs:ready": () => { Promise.reject(new Error("boom")); } }`)),
    );
    const { code, stdout } = await fledge(["build", "--json"], { cwd: folder });
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.find(({ type }) => type === "build:failed")).toMatchObject({
      plugin: "web",
      error: { code: "hook", message: expect.stringContaining("boom") },
    });
    expect(code).toBe(1);
  });

  it("ends that build alone", async () => {
    const hook = `${PAUSED} hooks: { "rootfs:ready": () => { setTimeout(() => { throw new Error("boom"); }, 50); } }`;
    const folder = project(config(plugin("bad", hook), plugin("good", PAUSED)));
    const { code, stderr, stdout } = await fledge(["build", "--jobs", "2"], { cwd: folder });
    expect(stderr).toContain('bad: hook "rootfs:ready"');
    expect(stdout).toContain("1 built, 1 not");
    expect([code, left(folder)]).toEqual([1, ["good.cpio", "good.manifest.json"]]);
  });
});

it("a hook that waits for what cannot come ends the build", async () => {
  const folder = project(config(plugin("web", `hooks: { "rootfs:ready": () => new Promise(() => {}) }`)));
  const { code, stderr } = await fledge(["build"], { cwd: folder });
  expect(stderr).toMatch(/error hook "rootfs:ready" of .* never ends[\s\S]*hint/);
  expect([code, left(folder)]).toEqual([1, []]);
});
