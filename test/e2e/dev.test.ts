import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { expect, test } from "vitest";
import { archived } from "../helpers/archived.ts";
import { type RunningCli, startFledge } from "../helpers/cli.ts";
import { requireBoot } from "../helpers/guest.ts";
import { commandsWith } from "../helpers/processes.ts";
import { project } from "../helpers/project.ts";
import { describeWith, requireRoot, requireTools } from "../helpers/requirements.ts";

const IDLE = /(?:built|unchanged|failed|nothing to build).*waiting for changes.*\n/;

const CONFIG = `import { definePlugin } from "@volantvm/fledge";
import { version } from "./version.ts";
export default definePlugin({
  name: "web", version, strategy: "initramfs", init: { none: true }, archive: { compression: "none" },
  mappings: { "/bin/busybox": "/init", "./motd": "/etc/motd", "./site": "/srv/www" },
  manifest: { workload: { baseUrl: "http://127.0.0.1:80", entrypoint: "/init" } },
  hooks: { "rootfs:ready": ({ rootfs, plugin }) => rootfs.writeFile("/version", plugin.version) },
});`;

const FILES = {
  "package.json": '{ "type": "module" }',
  "fledge.config.ts": CONFIG,
  "version.ts": 'export const version: string = "1.0.0";',
  motd: "welcome",
  "site/index.html": "one",
};

/** A started `fledge dev` whose first build is done. */
async function started(files: Record<string, string>, args: readonly string[] = []) {
  const cwd = project(files);
  const dev = startFledge(["dev", ...args], { cwd });
  await dev.until(IDLE);
  return { cwd, dev, write: (name: string, text: string) => writeFileSync(join(cwd, name), text) };
}

async function expectCleanEnd(dev: RunningCli, signal: NodeJS.Signals = "SIGINT"): Promise<void> {
  dev.kill(signal);
  expect((await dev.ended).code).toBe(0);
}

test("a change of the config, of what it imports, of a mapped file and in a mapped folder is built", async () => {
  const { cwd, dev, write } = await started(FILES);
  const read = (path: string): string | undefined => archived(join(cwd, "web.cpio"), path);
  expect(read("version")).toBe("1.0.0");

  write("version.ts", 'export const version = "2.0.0";');
  expect(await dev.until(IDLE)).toMatch(/\nchanged version\.ts\n[\s\S]*built web in \d+/);
  expect(read("version")).toBe("2.0.0");

  write("site/index.html", "two");
  expect(await dev.until(IDLE)).toMatch(/\nchanged site\/index\.html\n/);
  expect(read("srv/www/index.html")).toBe("two");

  mkdirSync(join(cwd, "site/deep/er"), { recursive: true });
  write("site/deep/er/new.txt", "new");
  while (read("srv/www/deep/er/new.txt") === undefined) await dev.until(IDLE);
  expect(read("srv/www/deep/er/new.txt")).toBe("new");

  rmSync(join(cwd, "site/deep"), { recursive: true });
  while (read("srv/www/deep/er/new.txt") !== undefined) await dev.until(IDLE);

  // As an editor saves: a new file takes the old one's place.
  write("saved~", CONFIG.replace('"/version"', '"/v"'));
  renameSync(join(cwd, "saved~"), join(cwd, "fledge.config.ts"));
  expect(await dev.until(IDLE)).toMatch(/\nchanged fledge\.config\.ts\n/);
  expect(read("v")).toBe("2.0.0");

  await expectCleanEnd(dev);
});

test("it survives errors in the config and in what it imports, and goes on when they are mended", async () => {
  const { cwd, dev, write } = await started(FILES);
  write("version.ts", "export const version = ;");
  expect(await dev.until(IDLE)).toMatch(/error .*\n.*version\.ts:1:24 {2}syntax error: .*\nnothing to build/);
  write("version.ts", 'import { n } from "./number.js"; export const version = n;');
  expect(await dev.until(IDLE)).toMatch(/cannot find ".*number\.js", which it imports/);
  write("number.ts", 'export const n = "3.0.0";');
  expect(await dev.until(IDLE)).toMatch(/changed number\.ts\n[\s\S]*(?:built|unchanged) web/);
  expect(archived(join(cwd, "web.cpio"), "version")).toBe("3.0.0");

  rmSync(join(cwd, "motd"));
  expect(await dev.until(IDLE)).toMatch(/changed motd\n[\s\S]*error [\s\S]*failed web/);
  write("motd", FILES.motd);
  expect(await dev.until(IDLE)).toMatch(/changed motd\n[\s\S]*(?:built|unchanged) web/);
  // A lock holds the next build.
  write("fledge.lock", "<<<<<<< ours");
  expect(await dev.until(IDLE)).toMatch(/changed fledge\.lock\n[\s\S]*failed web/);
  rmSync(join(cwd, "fledge.lock"));
  expect(await dev.until(IDLE)).toMatch(/changed fledge\.lock\n[\s\S]*(?:built|unchanged) web/);

  rmSync(join(cwd, "fledge.config.ts"));
  expect(await dev.until(IDLE)).toMatch(/no config found/);
  write("fledge.config.ts", CONFIG);
  expect(await dev.until(IDLE)).toMatch(/(?:built|unchanged) web/);
  await expectCleanEnd(dev, "SIGTERM");
});

test("TOML: fledge.toml, a manifest.toml that was not there before, and a preset", async () => {
  const { cwd, dev, write } = await started({
    "fledge.toml": 'name = "web"\nstrategy = "initramfs"\nextends = "./preset.ts"\n[init]\nnone = true\n',
    "preset.ts": `export default { meta: { name: "p" }, archive: { compression: "none" }, mappings: { "/bin/busybox": "/init" },
      manifest: { workload: { baseUrl: "http://127.0.0.1:80", entrypoint: "/init" } } };`,
  });
  write("manifest.toml", '[env]\nGREETING = "hi"\n');
  expect(await dev.until(IDLE)).toMatch(/changed manifest\.toml\n[\s\S]*built web/);
  write("fledge.toml", 'name = "web2"\nstrategy = "initramfs"\nextends = "./preset.ts"\n[init]\nnone = true\n');
  expect(await dev.until(IDLE)).toMatch(/changed fledge\.toml\n[\s\S]*built web2/);
  write("preset.ts", "export default { meta: 1 }");
  expect(await dev.until(IDLE)).toMatch(/changed preset\.ts\n[\s\S]*preset\.ts {2}meta: /);
  expect(existsSync(join(cwd, "web2.manifest.json"))).toBe(true);
  await expectCleanEnd(dev);
});

test("a change during a build stops it and builds what is there now", async () => {
  const slow = CONFIG.replace(
    "({ rootfs, plugin }) =>",
    `async ({ rootfs, plugin }) => {
      if (plugin.version === "2.0.0") await new Promise((resolve) => setTimeout(resolve, 600_000));
    `,
  ).replace("plugin.version) }", "plugin.version); } }");
  const { cwd, dev, write } = await started({ ...FILES, "fledge.config.ts": slow });
  write("version.ts", 'export const version = "2.0.0";');
  await dev.until(/changed version\.ts\n/);
  await dev.until(/Copy 3 mapped paths.*\n/);
  write("version.ts", 'export const version = "3.0.0";');
  expect(await dev.until(IDLE)).toMatch(/changed version\.ts\n[\s\S]*built web/);
  expect(archived(join(cwd, "web.cpio"), "version")).toBe("3.0.0");
  expect(readdirSync(cwd).filter((name) => name.includes(".tmp"))).toEqual([]);

  write("version.ts", 'export const version = "2.0.0";');
  await dev.until(/Copy 3 mapped paths.*\n/);
  await expectCleanEnd(dev);
});

test("of a workspace only what a change touches is built; a new plugin is found; --json tells tools", async () => {
  const plugin = (imports = ""): string => `${imports}
    export default { strategy: "initramfs", init: { none: true }, archive: { compression: "none" },
      mappings: { "/bin/busybox": "/init", "./own.txt": "/own.txt" },
      manifest: { workload: { baseUrl: "http://127.0.0.1:80", entrypoint: "/init" } } };`;
  const shared = 'import "../../shared.ts";';
  const cwd = project({
    "package.json": '{ "type": "module" }',
    "fledge.toml": 'plugins = ["./plugins/*"]\n',
    "shared.ts": "export {};",
    ...Object.fromEntries(["a", "b", "c"].map((name) => [`plugins/${name}/own.txt`, name])),
    "plugins/a/fledge.config.ts": plugin(shared),
    "plugins/b/fledge.config.ts": plugin(shared),
    "plugins/c/fledge.config.ts": plugin(),
  });
  const dev = startFledge(["dev", "--json"], { cwd });
  const write = (name: string, text: string) => writeFileSync(join(cwd, name), text);
  const next = async () => {
    const lines = (await dev.until(/"type":"dev:idle".*\n/)).trim().split("\n");
    const events = lines.map((line) => JSON.parse(line));
    const files = events.filter(({ type }) => type === "dev:change").flatMap(({ files }) => files);
    return { files: files.map((file) => relative(cwd, file)), built: events.at(-1).built.sort(), events };
  };
  expect(await next()).toMatchObject({ files: [], built: ["a", "b", "c"] });
  write("shared.ts", "export const x = 1;");
  expect(await next()).toMatchObject({ files: ["shared.ts"], built: ["a", "b"] });
  write("plugins/c/own.txt", "changed");
  expect(await next()).toMatchObject({ files: ["plugins/c/own.txt"], built: ["c"] });
  expect(archived(join(cwd, "plugins/c/c.cpio"), "own.txt")).toBe("changed");

  cpSync(join(cwd, "plugins/c"), join(cwd, "new"), { recursive: true });
  renameSync(join(cwd, "new"), join(cwd, "plugins/d"));
  expect(await next()).toMatchObject({ files: ["plugins/d/fledge.config.ts"], built: ["d"] });

  // One broken member leaves the others alone, and is built once it can be read.
  write("plugins/a/fledge.config.ts", "export default {");
  const { built, events } = await next();
  expect(built).toEqual([]);
  expect(events).toContainEqual(expect.objectContaining({ type: "dev:error" }));
  write("plugins/b/own.txt", "b2");
  expect(await next()).toMatchObject({ built: ["b"] });
  write("plugins/a/fledge.config.ts", plugin());
  expect(await next()).toMatchObject({ built: ["a"] });
  rmSync(join(cwd, "plugins/d"), { recursive: true });
  expect((await next()).built).toEqual([]);
  await expectCleanEnd(dev);
});

test("a config that is not there is an error, not something to wait for", async () => {
  const { code, stdout } = await startFledge(["dev"], { cwd: project({}) }).ended;
  expect(stdout).toMatch(/no config found/);
  expect(code).toBe(2);
});

describeWith("where no folder can be watched", [requireRoot(), requireTools("unshare")], () => {
  test("it says so, and looks every second", async () => {
    const cwd = project(FILES);
    // The limit of a user namespace of its own; the machine's stays as it is.
    const via = ["unshare", "-Ur", "sh", "-c", 'echo 1 > /proc/sys/user/max_inotify_watches && exec "$0" "$@"'];
    const dev = startFledge(["dev"], { cwd, via });
    expect(await dev.until(IDLE)).toContain("warning folders cannot be watched (ENOSPC)");
    writeFileSync(join(cwd, "site/index.html"), "two");
    expect(await dev.until(IDLE)).toMatch(/changed site\/index\.html\n/);
    await expectCleanEnd(dev);
  });
});

describeWith("fledge dev --boot", [requireBoot(), requireTools("busybox")], () => {
  const config = (init: string) => ({
    "fledge.config.mjs": `export default { name: "again", strategy: "initramfs", busybox: { path: "/bin/busybox" },
      init: { path: "./init.sh" }, manifest: { resources: { memoryMb: 192 } } };`,
    "init.sh": `#!/bin/sh\n${init}\n`,
  });

  test("boots what was built, reboots it after a change, and ends with its guest", async () => {
    const cwd = project(config("echo it is the first; sleep 1000"));
    const dev = startFledge(["dev", "--boot"], { cwd });
    await dev.until(IDLE);
    await dev.until(/it is the first\n/);
    writeFileSync(join(cwd, "init.sh"), "#!/bin/sh\necho it is the second; sleep 1000\n");
    await dev.until(IDLE);
    await dev.until(/the guest was stopped[\s\S]*it is the second\n/);
    await expectCleanEnd(dev);
    const running = commandsWith(":again:eth0");
    expect(running).toEqual([]);
  });

  test("goes on after what cannot be booted, and boots one plugin only", async () => {
    const cwd = project(config("sleep 1000"));
    const dev = startFledge(["dev", "--boot", "--kernel", "nothing"], { cwd });
    await dev.until(/name a kernel that is there/);
    await expectCleanEnd(dev);
    const each = 'strategy: "initramfs", init: { none: true }';
    const two = project({ "fledge.config.mjs": `export default [{ name: "a", ${each} }, { name: "b", ${each} }];` });
    const { code, stderr } = await startFledge(["dev", "--boot"], { cwd: two }).ended;
    expect(code).toBe(2);
    expect(stderr).toContain("--boot boots one plugin, and 2 are meant");
  });
});
