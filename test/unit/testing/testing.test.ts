import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { definePlugin } from "../../../src/config/define.ts";
import { definePreset } from "../../../src/config/preset.ts";
import { buildForTest, imageForTest, type TestImageOptions, testProgram } from "../../../src/testing/index.ts";
import { project } from "../../helpers/project.ts";
import { tempDir } from "../../helpers/temp.ts";

const platform = "linux/amd64";
const program = { data: testProgram("amd64"), mode: 0o755 };

const image = (options: Partial<TestImageOptions> = {}) =>
  imageForTest({
    files: { "/usr/bin/app": program, "/bin": { symlink: "usr/bin" }, "/srv": { dir: true, mode: 0o1777, uid: 7 } },
    config: { Cmd: ["app"], Env: ["PATH=/bin"], ExposedPorts: { "80/tcp": {} } },
    architecture: "amd64",
    ...options,
  });

const greeting = definePreset({
  name: "greeting",
  setup: ({ text }: { text: string }) => ({
    hooks: {
      "rootfs:merged": ({ rootfs, warn, fact, log }) => {
        rootfs.writeFile("/etc/greeting", text);
        warn({ message: "it greets" });
        fact("greeting", text);
        log("greeted");
      },
      "manifest:ready": ({ manifest }) => {
        manifest.labels = { greeting: text };
      },
      "image:written": () => {
        throw new Error("nothing was written");
      },
    },
  }),
});

it("builds a preset in memory, on an image that was made for it", async () => {
  const { reference, layout, cleanup } = await image();
  const cwd = tempDir();
  const recipe = definePlugin({
    strategy: "oci_rootfs",
    source: { image: reference },
    extends: [greeting({ text: "hi" })],
  });
  const built = await buildForTest(recipe, { cwd, platform, cacheDir: tempDir() });
  expect(built.tree.readFile("/etc/greeting").toString()).toBe("hi");
  expect(built.tree.stat("/bin/app")).toMatchObject({ mode: 0o755, size: 64 });
  expect(built.tree.stat("/srv")).toMatchObject({ mode: 0o1777, uid: 7, gid: 0 });
  expect(built.tree.glob("/etc/*")).toEqual(["/etc/fsify-entrypoint", "/etc/greeting"]);
  expect(built.manifest).toMatchObject({
    workload: { entrypoint: ["/bin/app"], base_url: "http://127.0.0.1:80" },
    labels: { greeting: "hi" },
  });
  expect(built).toMatchObject({ facts: { greeting: "hi" }, warnings: [{ message: "it greets" }] });
  expect(built.logs).toContain("greeted");
  expect(built.stages).toContain("rootfs:merged");
  expect(built.result).toBeUndefined();
  expect(readdirSync(cwd)).toEqual([]);
  await cleanup();
  expect(existsSync(layout)).toBe(false);
});

it("fails as a build does: here the program is another machine's", async () => {
  const { reference, cleanup } = await image({
    files: { "/usr/bin/app": { data: testProgram("arm64"), mode: 0o755 } },
  });
  const recipe = definePlugin({ strategy: "oci_rootfs", source: { image: reference } });
  await expect(buildForTest(recipe, { platform, cacheDir: tempDir() })).rejects.toThrow(
    /the workload cannot start: app/,
  );
  await cleanup();
});

it("writes the artifact and the manifest when asked, until the cleanup", async () => {
  const cwd = project({
    "fledge.config.mjs": `export default ["a", "b"].map((name) => ({
      name, strategy: "initramfs", init: { none: true }, mappings: { "./app": { to: "/init", mode: "0755" } },
      manifest: { workload: { baseUrl: "http://127.0.0.1:80" } } }));`,
    app: Buffer.from(testProgram("amd64")).toString("latin1"),
  });
  await expect(buildForTest(cwd, { platform })).rejects.toMatchObject({ message: "the config has 2 plugins" });
  const built = await buildForTest("fledge.config.mjs", { cwd, name: "b", write: true, platform });
  const { artifact, manifest } = built.result ?? {};
  expect(built.manifest).toMatchObject({ name: "b", initramfs: { checksum: artifact?.digest } });
  expect([artifact?.path, manifest?.path].map((path) => existsSync(path ?? ""))).toEqual([true, true]);
  expect(existsSync(join(cwd, "b.cpio.gz"))).toBe(false);
  await built[Symbol.asyncDispose]();
  expect([artifact?.path, manifest?.path].map((path) => existsSync(path ?? ""))).toEqual([false, false]);
});

it("has no program for a machine that it does not know", () => {
  expect(() => testProgram("vax")).toThrow(/there is no test program for vax/);
});
