import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { buildForTest, imageForTest, type TestFile, testProgram } from "../../../src/testing/index.ts";
import type { ManifestOptions } from "../../../src/volant/options.ts";
import { tempDir } from "../../helpers/temp.ts";

const platform = "linux/amd64";
const program = { data: testProgram("amd64"), mode: 0o755 };
const PATH = "/opt/redis/bin/:/usr/bin";

type Config = { Entrypoint?: string[]; Cmd?: string[]; WorkingDir?: string };

/** Builds a disk, or an initramfs that the agent starts, of an image in memory. */
async function build(
  config: Config,
  files: Record<string, TestFile> = {},
  { workload, strategy = "oci_rootfs" }: { workload?: ManifestOptions["workload"]; strategy?: string } = {},
) {
  const { reference, cleanup } = await imageForTest({
    files: { "/opt/redis/bin/redis-server": program, "/usr/bin/sh": program, ...files },
    config: { Env: [`PATH=${PATH}`], ExposedPorts: { "80/tcp": {} }, ...config },
    architecture: "amd64",
  });
  onTestFinished(cleanup);
  const cwd = tempDir();
  writeFileSync(join(cwd, "program"), program.data, { mode: 0o755 });
  const guest = { agent: { path: "./program" }, busybox: { path: "/bin/busybox" } };
  const built = await buildForTest(
    {
      ...{ strategy, source: { image: reference }, manifest: { workload } },
      ...(strategy === "initramfs" && guest),
    } as never,
    { cwd, platform, cacheDir: tempDir() },
  );
  onTestFinished(() => built.cleanup());
  return { ...built, workload: built.manifest?.workload, messages: built.warnings.map(({ message }) => message) };
}

describe("the program", () => {
  it.each<[string, Config, ManifestOptions["workload"], string[], string]>([
    ["of the image", { Entrypoint: ["redis-server"], Cmd: ["x"] }, {}, ["/opt/redis/bin/redis-server", "x"], "Env"],
    ["of the config", {}, { entrypoint: ["sh", "-c", "x"] }, ["/usr/bin/sh", "-c", "x"], "the image's Env"],
    [
      "on a PATH of the config",
      { Cmd: ["redis-server"] },
      { env: { PATH: "/nowhere:/etc/passwd:/opt//redis/./bin" } },
      ["/opt/redis/bin/redis-server"],
      "manifest.workload.env",
    ],
    [
      "below the workdir",
      { Cmd: ["./bin/redis-server"], WorkingDir: "/opt/redis" },
      {},
      ["/opt/redis/bin/redis-server"],
      "workdir",
    ],
    [
      "beside the workdir",
      { Cmd: ["../bin/redis-server"], WorkingDir: "/opt/redis/bin" },
      {},
      ["/opt/redis/bin/../bin/redis-server"],
      "workdir",
    ],
    ["in blanks", { Entrypoint: ["", " redis-server "] }, {}, ["/opt/redis/bin/redis-server"], "Env"],
  ])("%s is written as its absolute path", async (_, config, workload, entrypoint, origin) => {
    for (const strategy of ["oci_rootfs", "initramfs"]) {
      const built = await build(config, { "/etc/passwd": "" }, { workload, strategy });
      expect(built.workload?.entrypoint).toEqual(entrypoint);
      expect(built.logs.join("\n")).toMatch(
        new RegExp(`manifest: workload\\.entrypoint\\[0\\] from ".*", which is ${entrypoint[0]} .*${origin}`),
      );
    }
  });

  it("keeps the name of a link, by which a program may tell what it is to do", async () => {
    const { workload, logs } = await build({ Cmd: ["ls"] }, { "/usr/bin/ls": { symlink: "sh" } });
    expect(workload?.entrypoint).toEqual(["/usr/bin/ls"]);
    expect(logs.join("\n")).toContain("workload.entrypoint from the image's Cmd");
  });

  it("says which words Volant drops", async () => {
    const { messages } = await build({ Entrypoint: ["", "redis-server"], Cmd: ["a", "", " b"] });
    expect(messages).toEqual([
      "workload.entrypoint begins with an empty word, which Volant drops: left out",
      'workload.entrypoint[2] is "": Volant drops it',
      'workload.entrypoint[3] is " b": Volant trims it',
    ]);
  });

  it.each([
    ["/tmp/app", "/tmp"],
    ["/var/run/app", "/run"],
  ])("%s would be hidden by what is mounted on %s", async (path, mountPoint) => {
    const files = { "/tmp/app": program, "/run/app": program, "/var/run": { symlink: "/run" } };
    await expect(build({ Cmd: [path] }, files)).rejects.toMatchObject({
      code: "image",
      message: `the workload cannot start: ${path} is hidden in the guest by the filesystem that is mounted on ${mountPoint} when it boots`,
    });
  });

  it("that is not there is named with where it was looked for", async () => {
    await expect(build({ Cmd: ["./run"], WorkingDir: "/srv" })).rejects.toThrow(
      "the workload cannot start: ./run (/srv/run) does not exist in the guest",
    );
    await expect(build({ Cmd: ["run"] })).rejects.toThrow(`run is in none of ${PATH}`);
  });
});

describe("the workdir", () => {
  const Cmd = ["sh"];

  it.each<[title: string, workdir: string, made: string, files: Record<string, TestFile>]>([
    ["that is absent", "/srv/missing/deep", "/srv/missing/deep", {}],
    ["behind a link that dangles", "/app", "/data/app", { "/app": { symlink: "data/app" } }],
    ["below a link", "/app/x", "/data/x", { "/app": { symlink: "/data" }, "/data": { dir: true } }],
    ["that goes up again", "/srv/a/../b", "/srv/b", {}],
  ])("%s is made", async (_, WorkingDir, made, files) => {
    const { tree, messages, workload } = await build({ Cmd, WorkingDir }, files);
    expect(tree.stat(made)).toMatchObject({ type: "dir", mode: 0o755, uid: 0, gid: 0, mtime: { sec: 0, nsec: 0 } });
    expect(workload?.workdir).toBe(WorkingDir);
    expect(messages).toEqual([
      `the guest has no ${WorkingDir}, in which its workload is to start: made it, as container engines do`,
    ]);
  });

  it("of the config is made too", async () => {
    const { tree, workload } = await build({ Cmd, WorkingDir: "/a" }, {}, { workload: { workdir: "/b" } });
    expect([tree.exists("/a"), tree.exists("/b"), workload?.workdir]).toEqual([false, true, "/b"]);
  });

  it("that is there stays as it is", async () => {
    const { tree, messages } = await build(
      { Cmd, WorkingDir: "/srv" },
      { "/srv": { dir: true, mode: 0o1777, uid: 7 } },
    );
    expect(tree.stat("/srv")).toMatchObject({ mode: 0o1777, uid: 7 });
    expect(messages).toEqual([]);
  });

  it.each([
    ["srv/app", "/srv/app"],
    [" /srv/app ", "/srv/app"],
  ])("%j is written as what it is to the agent", async (WorkingDir, written) => {
    const { tree, workload, messages } = await build({ Cmd, WorkingDir });
    expect([workload?.workdir, tree.exists(written)]).toEqual([written, true]);
    expect(messages).toContainEqual(expect.stringContaining(`${JSON.stringify(WorkingDir)} is written as ${written}`));
  });

  it.each<[workdir: string, why: RegExp]>([
    ["/etc/hosts", /it is a file, not a folder/],
    ["/etc/hosts/x", /"hosts" on the way is not a directory/],
    ["/loop/x", /symbolic links/],
    ["/run/app", /mounted on \/run/],
    ["/var/run/app", /mounted on \/run/],
    ["/tmp/x", /mounted on \/tmp/],
  ])("%s is refused", async (WorkingDir, why) => {
    const files = { "/etc/hosts": "", "/loop": { symlink: "loop" }, "/var/run": { symlink: "../run" } };
    const failing = build({ Cmd, WorkingDir }, files);
    await expect(failing).rejects.toMatchObject({ code: "image", hint: expect.stringContaining("workload.workdir") });
    await expect(failing).rejects.toThrow(`the workload cannot start in ${WorkingDir}: `);
    await expect(failing).rejects.toThrow(why);
  });

  it.each(["/tmp", "/run", "/dev/shm"])("%s is there once the guest has booted", async (WorkingDir) => {
    expect((await build({ Cmd, WorkingDir })).workload?.workdir).toBe(WorkingDir);
  });
});

describe("mapped programs", () => {
  it("are checked, and nothing beside them", async () => {
    const cwd = tempDir();
    mkdirSync(join(cwd, "overlay/usr/bin"), { recursive: true });
    writeFileSync(join(cwd, "overlay/usr/bin/ours"), "#!/bin/gone\n", { mode: 0o755 });
    const { reference, cleanup } = await imageForTest({
      files: { "/usr/bin/app": program, "/usr/bin/theirs": { data: "#!/bin/gone\n", mode: 0o755 } },
      config: { Cmd: ["app"], ExposedPorts: { "80/tcp": {} } },
      architecture: "amd64",
    });
    onTestFinished(cleanup);
    const recipe = { strategy: "oci_rootfs", source: { image: reference }, mappings: { "./overlay": "/" } } as const;
    const { warnings, cleanup: clean } = await buildForTest(recipe, { cwd, platform, cacheDir: tempDir() });
    onTestFinished(clean);
    expect(warnings.map(({ message }) => message)).toEqual([
      '/usr/bin/ours (mappings["./overlay"]) will fail to start in the guest: it needs the interpreter /bin/gone, which does not exist in the guest',
    ]);
  });

  it.each([
    ["/usr/bin/", ["/usr/bin/app"]],
    ["/usr/bin", ["/usr/bin/app"]],
    ["/usr/bin/run", ["/usr/bin/run"]],
  ])("one that is mapped to %s is what the guest runs", async (to, entrypoint) => {
    const cwd = tempDir();
    writeFileSync(join(cwd, "app"), program.data, { mode: 0o755 });
    mkdirSync(join(cwd, "tools"));
    const recipe = {
      strategy: "initramfs",
      agent: { path: "./app" },
      busybox: { path: "/bin/busybox" },
      mappings: { "./app": to, "./tools": "/opt/bin/" },
      manifest: { workload: { baseUrl: "http://127.0.0.1:80" } },
    } as const;
    const { manifest, cleanup } = await buildForTest(recipe, { cwd, platform, cacheDir: tempDir() });
    onTestFinished(cleanup);
    expect(manifest?.workload.entrypoint).toEqual(entrypoint);
  });
});
