import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { type CliResult, fledge } from "../helpers/cli.ts";
import { project } from "../helpers/project.ts";
import { describeWith, requireRoot, requireTools } from "../helpers/requirements.ts";
import { tempDir } from "../helpers/temp.ts";

const APP = "#!/bin/sh\necho app\n";

/** A TypeScript config that would build, with some of it replaced. */
function recipe(overrides = "", imports = ""): Record<string, string> {
  return {
    "app.sh": APP,
    "fledge.config.mts": `${imports}
      export default {
        name: "bad", strategy: "initramfs", busybox: { path: "/bin/busybox" }, init: { path: "./app.sh" },
        manifest: { workload: { baseUrl: "http://127.0.0.1:80" } }, ${overrides}
      };`,
  };
}

type Case = {
  readonly files: Record<string, string>;
  readonly code: number;
  readonly says: readonly (string | RegExp)[];
};

/** Builds, and checks that what fledge says is what it should, without a stack, and that nothing is left behind. */
async function expectFailure({ files, code, says }: Case): Promise<CliResult> {
  const cwd = project(files);
  const before = readdirSync(cwd).sort();
  const result = await fledge(["build"], { cwd });
  for (const words of says) expect(result.stderr).toMatch(words);
  expect(result.stderr).not.toMatch(/\n\s+at .*:\d+:\d+/);
  expect(result.code, result.stderr).toBe(code);
  expect(readdirSync(cwd).sort()).toEqual(before);
  return result;
}

const TOML = `version = "1"\nstrategy = "initramfs"\n`;

test.each<[string, Case]>([
  [
    "several problems of a TOML file, each with its line",
    {
      files: { "fledge.toml": `${TOML}[agent]\nsource_strategy = "locale"\n[filesystem]\nsize_buffer_mb = "x"\n` },
      code: 2,
      says: [/fledge\.toml:4:/, /fledge\.toml:6:/],
    },
  ],
  ["TOML that cannot be read", { files: { "fledge.toml": 'version = "1\n' }, code: 2, says: [/fledge\.toml:1:\d+/] }],
  ["a wrong type in TypeScript", { files: recipe(`platform: 7,`), code: 2, says: ["platform", /string|text/] }],
  [
    "both init.path and init.none",
    {
      files: recipe(`init: { path: "./app.sh", none: true },`),
      code: 2,
      says: [/"path" and "none" exclude each other/],
    },
  ],
  [
    "an agent beside init.none",
    {
      files: recipe(`init: { none: true }, agent: { path: "./app.sh" },`),
      code: 2,
      says: [/agent: has no place beside init\.none/],
    },
  ],
  [
    "a relative destination",
    {
      files: recipe(`mappings: { "./app.sh": "usr/bin/app" },`),
      code: 2,
      says: ['the destination "usr/bin/app" is not absolute'],
    },
  ],
  [
    "a destination that climbs",
    { files: recipe(`mappings: { "./app.sh": "/usr/../../app" },`), code: 2, says: ["climbs with"] },
  ],
  [
    "a wrong checksum",
    {
      files: recipe(`busybox: { path: "/bin/busybox", sha256: "${"0".repeat(64)}" },`),
      code: 1,
      says: [/\/bin\/busybox is not what the checksum says: expected sha256:0{64}, got sha256:[0-9a-f]{64}/],
    },
  ],
  [
    "a hook that throws",
    {
      files: recipe(`hooks: { "rootfs:ready": () => { throw new Error("no such luck"); } },`),
      code: 1,
      says: [/hook "rootfs:ready" of .*fledge\.config\.mts failed: no such luck/],
    },
  ],
  [
    "a stage that throws",
    {
      files: recipe(`stages: [{ name: "mine", phase: "artifact", run() { throw new Error("bad day"); } }],`),
      code: 1,
      says: [/stage "mine" of .*fledge\.config\.mts failed: bad day/],
    },
  ],
  [
    "a stage that names no other",
    {
      files: recipe(`stages: [{ name: "mine", phase: "rootfs", after: "busibox", run() {} }],`),
      code: 2,
      says: ['stage "mine" refers to "busibox"', 'did you mean "busybox"?'],
    },
  ],
  [
    "a hook that spoils the manifest",
    {
      files: recipe(`hooks: { "manifest:ready": ({ manifest }) => { manifest.workload.type = "grpc"; } },`),
      code: 1,
      says: ["Volant would refuse the manifest", "workload.type"],
    },
  ],
  [
    "a config that throws",
    { files: recipe("", `throw new Error("first line");`), code: 2, says: ["first line", /fledge\.config\.mts:1/] },
  ],
  [
    "a syntax error",
    { files: { "fledge.config.ts": "export default {\n  name: }" }, code: 2, says: [/fledge\.config\.ts:2:/] },
  ],
  [
    "a workload that is not in the guest",
    {
      files: recipe(`manifest: { workload: { baseUrl: "http://127.0.0.1:80", entrypoint: ["/usr/bin/gone"] } },`),
      code: 1,
      says: ["the workload cannot start: /usr/bin/gone does not exist in the guest"],
    },
  ],
  [
    "no /init at all",
    {
      files: recipe(`init: { none: true }, mappings: { "./app.sh": "/usr/bin/app" },`),
      code: 1,
      says: ["the guest cannot boot: /init does not exist in the guest", 'map a program to "/init"'],
    },
  ],
])("%s", async (_, failing) => {
  await expectFailure(failing);
});

const servers: { close(): void }[] = [];
afterAll(() => {
  for (const server of servers) server.close();
});

/** The base URL of a server that answers every request in one way. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("an URL with nothing at it", async () => {
  const url = await serve((_, response) => response.writeHead(404).end());
  const says = [/\/busybox: 404 Not Found\n/, "check the URL"];
  await expectFailure({ files: recipe(`busybox: { url: "${url}/busybox?token=secret" },`), code: 1, says });
});

test("a connection that is dropped in the middle each time, and a download that is cut short", async () => {
  const dropped = await serve((_, response) => {
    response.writeHead(200, { "content-length": 1000 });
    response.write("x".repeat(100));
    // What the client has not read yet when the connection ends is lost to it.
    setTimeout(() => response.destroy(), 400);
  });
  const says = [/\/busybox: the connection was dropped .*, after 100 bytes and 5 tries/];
  await expectFailure({ files: recipe(`busybox: { url: "${dropped}/busybox" },`), code: 1, says });
});

test("Ctrl-C in the middle: exit code 130, and nothing is left", async () => {
  const files = recipe(
    `hooks: { "image:written": ({ warn }) => { warn({ message: "waiting" }); return new Promise(() => setInterval(() => {}, 1000)); } },`,
  );
  const cwd = project(files);
  const before = readdirSync(cwd).sort();
  const { code, stderr } = await fledge(["build"], { cwd, interrupt: { when: /waiting/, signal: "SIGINT" } });
  expect(stderr).toMatch(/interrupted; nothing was left behind/);
  expect(code).toBe(130);
  expect(readdirSync(cwd).sort()).toEqual(before);
});

describeWith("what the disk refuses", [requireRoot(), requireTools("setpriv", "mount")], () => {
  test("an output folder that may not be written to", async () => {
    const cwd = project(recipe());
    execFileSync("chmod", ["-R", "a+rX", cwd]);
    const out = tempDir();
    execFileSync("chmod", ["755", out]);
    const cache = tempDir();
    execFileSync("chmod", ["777", cache]);
    const via = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const { code, stderr } = await fledge(["build", "-o", `${out}/`], { cwd, via, env: { FLEDGE_CACHE_DIR: cache } });
    expect(stderr).toMatch(/cannot write .*bad\.cpio\.gz: permission denied/);
    expect(code).toBe(1);
    expect(readdirSync(out)).toEqual([]);
  });

  test.each(["ro", "size=64k"])("a disk that is %s", async (option) => {
    const cwd = project(recipe());
    const out = join(tempDir(), "out");
    mkdirSync(out);
    execFileSync("mount", ["-t", "tmpfs", "-o", option, "tmpfs", out]);
    onTestFinished(() => void execFileSync("umount", [out]));
    const { code, stderr } = await fledge(["build", "-o", `${out}/`], { cwd });
    expect(stderr).toMatch(option === "ro" ? /the file system is read-only/ : /the disk is full/);
    expect(code).toBe(1);
    expect(readdirSync(out)).toEqual([]);
  });
});

test("flags, commands and targets that are not there", async () => {
  const cases: [string[], RegExp][] = [
    [["build", "--verfy"], /fledge build has no flag --verfy\n.*did you mean "--verify"\?/],
    [["build", "-o", "a", "-o", "b"], /--output was given 2 times/],
    [["build", "nowhere"], /there is no plugin "nowhere" in .*, nor a file or folder of that name/],
    [["version", "extra"], /fledge version takes no arguments/],
    [["build", "--platform", "linux/amd46"], /did you mean "amd64"\?/],
    [["build", "--platform", "windows"], /"windows" is not an architecture that Linux guests have/],
  ];
  const cwd = project(recipe());
  for (const [args, message] of cases) {
    const { code, stderr } = await fledge(args, { cwd });
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  }
  const check = await fledge(["check"], { cwd: project({}) });
  expect(check).toMatchObject({ code: 2, stderr: expect.stringContaining("fledge check needs at least one FILE") });
});

test("a missing tool is found before any work: exit code 3 and the command that installs it", async () => {
  const cwd = project(recipe(`archive: { compression: "zstd" },`));
  const bin = join(cwd, "bin");
  mkdirSync(bin);
  const { code, stderr } = await fledge(["build"], { cwd, env: { PATH: bin } });
  expect(stderr).toMatch(/zstd not found; needed to compress the initramfs with zstd/);
  expect(stderr).toContain("sudo apt-get install -y zstd");
  expect(stderr).not.toContain("✔");
  expect(code).toBe(3);
});

test("check exits with 1 and all problems of a manifest, and with 0 for one that was built", async () => {
  const cwd = project({
    ...recipe(),
    "broken.json": `{\n  "name": "x",\n  "env": {},\n  "workload": { "type": "grpc" }\n}`,
  });
  writeFileSync(join(cwd, "syntax.json"), "{");
  expect((await fledge(["build", "-q"], { cwd })).code).toBe(0);
  expect(await fledge(["check", "bad.manifest.json"], { cwd })).toMatchObject({
    code: 0,
    stdout:
      'bad.manifest.json: Volant accepts it, from a file; to be installed from a URL it needs an absolute URL as initramfs.url (manifest.url in the config), not "bad.cpio.gz"\n',
  });
  const { code, stderr } = await fledge(["check", "broken.json", "syntax.json"], { cwd });
  expect(code).toBe(1);
  for (const words of [/broken\.json:3:/, "version", "workload.type", "workload.env", /syntax\.json:1:/])
    expect(stderr).toMatch(words);
});
