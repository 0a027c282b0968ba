import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fledge } from "../helpers/cli.ts";
import { project } from "../helpers/project.ts";

const APP = "#!/bin/sh\necho app\n";

/** Two plugins in one config, which a preset gives their BusyBox. */
function pair(): string {
  const plugin = (name: string): string =>
    `{ name: "${name}", strategy: "initramfs", extends: "./preset.ts", init: { path: "./app.sh" }, archive: { compression: "none" },
       manifest: { workload: { baseUrl: "http://127.0.0.1:80" } },
       hooks: { "rootfs:ready": ({ log }) => log("the config's hook") } }`;
  return project({
    "package.json": '{ "type": "module" }',
    "app.sh": APP,
    "preset.ts": `import { definePreset } from "@volantvm/fledge";
      export default definePreset({ meta: { name: "base" }, busybox: { path: "/bin/busybox" },
        hooks: { "rootfs:ready": ({ rootfs, log }) => { rootfs.writeFile("/etc/preset", "yes"); log("the preset's hook"); } } });`,
    "fledge.config.ts": `import { definePlugin } from "@volantvm/fledge";
      export default [definePlugin(${plugin("one")}), definePlugin(async () => (${plugin("two")}))];`,
  });
}

test("a config of several plugins builds all of them, or those that are named", async () => {
  const cwd = pair();
  const all = await fledge(["build"], { cwd });
  expect(all.code, all.stderr).toBe(0);
  expect(
    readdirSync(cwd)
      .filter((name) => /^(one|two)\./.test(name))
      .sort(),
  ).toEqual(["one.cpio", "one.manifest.json", "two.cpio", "two.manifest.json"]);
  mkdirSync(join(cwd, "dist"));
  const one = await fledge(["build", "two", "-o", "dist"], { cwd });
  expect(one.code, one.stderr).toBe(0);
  expect(readdirSync(join(cwd, "dist")).sort()).toEqual(["two.cpio", "two.manifest.json"]);
  const none = await fledge(["build", "tow"], { cwd });
  expect(none.stderr).toMatch(
    /there is no plugin "tow" in .*fledge\.config\.ts, nor a file or folder of that name\n.*did you mean "two"\?/,
  );
  expect(none.code).toBe(2);
});

test("hooks of a preset run before the config's; -v says so", async () => {
  const { stderr } = await fledge(["build", "one", "-v"], { cwd: pair() });
  expect(stderr.indexOf("the preset's hook")).toBeGreaterThan(0);
  expect(stderr.indexOf("the config's hook")).toBeGreaterThan(stderr.indexOf("the preset's hook"));
});

test("what a config imports from fledge is the running fledge's own, not a copy", async () => {
  const cwd = project({
    "package.json": '{ "type": "module" }',
    "fledge.config.ts": `import { definePlugin, RootfsTree } from "@volantvm/fledge";
      export default definePlugin({ name: "own", strategy: "initramfs", init: { none: true },
        mappings: { "/bin/busybox": "/init" },
        manifest: { workload: { baseUrl: "http://127.0.0.1:80", entrypoint: "/init" } },
        hooks: { "rootfs:ready": ({ rootfs, log }) => log("own: " + (rootfs instanceof RootfsTree)) } });`,
  });
  const { code, stderr } = await fledge(["build", "-v"], { cwd });
  expect(code, stderr).toBe(0);
  expect(stderr).toContain("own: true");
});

test("--json prints an event per line: stages from start to done, then the result", async () => {
  const { code, stdout, stderr } = await fledge(["build", "one", "--json", "--verify"], { cwd: pair() });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const events = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const started = events.filter((event) => event.type === "stage:start").map((event) => event.stage);
  const done = events.filter((event) => event.type === "stage:done").map((event) => event.stage);
  expect(started).toEqual([
    "skeleton",
    "busybox",
    "init",
    "rootfs:ready",
    "seal",
    "check",
    "write",
    "verify",
    "manifest",
    "publish",
  ]);
  expect(done).toEqual(started);
  const { result } = events.at(-1);
  expect(result.stages.map((timing: { stage: string }) => timing.stage)).toEqual(started);
  expect(result.artifact.digest).toBe(result.manifest.document.initramfs.checksum);
  expect(readFileSync(result.artifact.path).length).toBe(result.artifact.sizeBytes);
});

test("--json puts an error on stdout, where its events are, as one line of JSON", async () => {
  const { code, stdout, stderr } = await fledge(["build", "--json"], { cwd: project({}) });
  expect(JSON.parse(stdout)).toMatchObject({ type: "error", code: "config" });
  expect([code, stderr]).toEqual([2, ""]);
});

test("plan and --dry-run do nothing; plan --json is data", async () => {
  const cwd = pair();
  const before = readdirSync(cwd).sort();
  const plan = await fledge(["plan", "--json"], { cwd });
  const dry = await fledge(["build", "--dry-run"], { cwd });
  expect(readdirSync(cwd).sort()).toEqual(before);
  const [one] = JSON.parse(plan.stdout);
  expect(one).toMatchObject({ name: "one", strategy: "initramfs", requirements: [] });
  expect(one.inputs).toContainEqual({ what: "BusyBox", from: "/bin/busybox" });
  expect(dry.stdout).toContain("Add BusyBox and a link for each of its applets");
});

test("-o FILE names the artifact, and the manifest beside it refers to it", async () => {
  const cwd = pair();
  const { code, stderr } = await fledge(["build", "one", "-o", "out/app.cpio"], { cwd });
  expect(code, stderr).toBe(0);
  expect(JSON.parse(readFileSync(join(cwd, "out/app.manifest.json"), "utf8")).initramfs.url).toBe("app.cpio");
  const both = await fledge(["build", "-o", "out/app.cpio"], { cwd });
  expect(both.stderr).toMatch(/is one file, and the config has 2 plugins/);
  expect(both.code).toBe(2);
});

test("-o is relative to where the command is given, the config's own outDir to the config", async () => {
  const cwd = pair();
  mkdirSync(join(cwd, "below"));
  const { code, stderr, stdout } = await fledge(["build", "one", "-c", "..", "-o", "out/"], {
    cwd: join(cwd, "below"),
  });
  expect(code, stderr).toBe(0);
  expect(readdirSync(join(cwd, "below/out")).sort()).toEqual(["one.cpio", "one.manifest.json"]);
  expect(stdout).toContain('volar plugins install --manifest "$PWD/out/one.manifest.json"');
  expect(existsSync(join(cwd, "out"))).toBe(false);
});

test("an output folder that is a file is named before any work", async () => {
  const cwd = pair();
  writeFileSync(join(cwd, "out"), "mine");
  for (const [args, file] of [
    [["-o", "out/"], "out/one.cpio"],
    [["-o", "out/below/"], "out/below/one.cpio"],
    [["-o", "out/app.cpio"], "out/app.cpio"],
  ] as const) {
    const { code, stderr } = await fledge(["build", "one", ...args], { cwd });
    expect(stderr).toContain(`${join(cwd, file)}: ${join(cwd, "out")} is a file, not a folder`);
    expect(stderr).not.toContain("✔");
    expect(code).toBe(1);
  }
  expect(readFileSync(join(cwd, "out"), "utf8")).toBe("mine");
});

test("a working folder that was deleted is said, and what is not there is called by its name", async () => {
  const cwd = project({});
  const inDeleted = 'mkdir gone; cd gone; rmdir ../gone; exec "$@"';
  const gone = await fledge(["build"], { cwd, via: ["sh", "-ec", inDeleted, "sh"] });
  expect(gone.stderr).toBe("error the working folder does not exist any more\n  hint cd to one that does\n");
  expect(gone.code).toBe(1);
  const nope = await fledge(["build", "./nope"], { cwd });
  expect(nope.stderr).toContain("error ./nope does not exist\n");
  expect(nope.code).toBe(2);
});

test("without a HOME nothing is kept in the working folder", async () => {
  const cwd = pair();
  const { code, stderr } = await fledge(["build", "one", "-o", "out/"], {
    cwd,
    env: { HOME: "", FLEDGE_CACHE_DIR: "" },
  });
  expect(code, stderr).toBe(0);
  expect(readdirSync(cwd).sort()).toEqual(["app.sh", "fledge.config.ts", "out", "package.json", "preset.ts"]);
});

test("plan -v says where each value is from", async () => {
  const { code, stdout } = await fledge(["plan", "one", "-v"], { cwd: pair() });
  expect(code).toBe(0);
  expect(stdout).toMatch(/decided for you[\s\S]*version = "0\.1\.0" +default/);
});

test("schema prints Draft 4 for both files", async () => {
  for (const args of [["schema"], ["schema", "--manifest"]]) {
    const { code, stdout } = await fledge(args);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ $schema: "http://json-schema.org/draft-04/schema#", type: "object" });
  }
});

test("every command has help with examples", async () => {
  const { stdout } = await fledge(["--help"]);
  for (const command of ["build", "cache", "check", "plan", "schema", "version"]) {
    expect(stdout).toContain(`  ${command}`);
    const help = await fledge([command, "--help"]);
    expect(help.code).toBe(0);
    expect(help.stdout).toContain("EXAMPLES");
    expect(help.stdout).not.toContain("\u001b[");
  }
});

test("cache: where it is, what is in it, and that it can be emptied", async () => {
  const folder = join(project({}), "cache");
  const env = { FLEDGE_CACHE_DIR: folder };
  expect((await fledge(["cache", "path"], { env })).stdout).toBe(`${folder}\n`);
  expect((await fledge(["cache", "ls"], { env })).stdout).toBe("0 in all, 0 B\n");
  expect((await fledge(["cache", "verify"], { env })).stdout).toBe("0 checked, 0 damaged\n");
  expect((await fledge(["cache", "prune", "--older-than", "7d", "--max-size", "1G"], { env })).code).toBe(0);
  const bad = await fledge(["cache", "prune", "--older-than", "soon"], { env });
  expect(bad.stderr).toMatch(/--older-than "soon" is not an age/);
  expect(bad.code).toBe(2);
  expect(existsSync(folder)).toBe(false);
});
