import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { loadProject } from "../../../../src/config/project.ts";
import { removeTree } from "../../../../src/lib/files/atomic.ts";
import { collectProject, packBundle, receiveBundle, unpackBundle } from "../../../../src/serve/bundle/index.ts";
import { leadsOut } from "../../../../src/serve/bundle/tree.ts";
import { project } from "../../../helpers/project.ts";
import { type Member, tar } from "../../../helpers/tar-writer.ts";

const signal = new AbortController().signal;
const LIMITS = { maxEntries: 1000, maxBytes: 2 ** 24 };

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

async function packed(cwd: string, names?: string[]) {
  const packageFiles: string[] = [];
  const loaded = await loadProject({ cwd, ...(names && { names }), onPackageFile: (file) => packageFiles.push(file) });
  const collected = await collectProject(loaded, { packageFiles });
  return { collected, bytes: await bytesOf(packBundle(collected, { signal })) };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
}

async function unpacked(bytes: Uint8Array, limits = LIMITS) {
  const work = mkdtempSync(join(tmpdir(), "fledge-test-"));
  onTestFinished(() => removeTree(work));
  const { file, digest, sizeBytes } = await receiveBundle(once(bytes), join(work, "bundle.tar"), {
    ...{ env: process.env, signal, limits },
  });
  const folder = join(work, "project");
  const info = await unpackBundle(file, folder, { signal, limits });
  return { folder, info, digest, sizeBytes };
}

function names(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
}

const CONFIG = `
import { banner } from "../shared/banner.ts";
import { answer } from "answers";
export default { name: "web", strategy: "initramfs", busybox: { path: "/bin/busybox" }, init: { path: "./init.sh" },
  mappings: { "./site": "/srv/site", "../assets/logo": "/srv/logo", "./current": "/srv/current" },
  manifest: { workload: { entrypoint: [banner + answer], baseUrl: "http://127.0.0.1:80" } } };`;

function sampleProject(): string {
  const cwd = project({
    ".git/HEAD": "",
    "package.json": '{"type":"module"}',
    "tsconfig.json": '{ "extends": "./base", }',
    "base.json": "{}",
    "web/fledge.config.ts": CONFIG,
    "web/fledge.lock": "",
    "web/init.sh": "#!/bin/sh\n",
    "web/site/index.html": "hello",
    "web/site/big": "b".repeat(300_000),
    "web/unused": "unused",
    "web/releases/2/app": "two",
    "shared/banner.ts": 'export const banner = "/bin/";',
    "assets/logo": "logo",
    "node_modules/answers/package.json": '{"name":"answers","type":"module","dependencies":{"deep":"*"},"main":"a.js"}',
    "node_modules/answers/a.js": 'export { answer } from "deep";',
    "node_modules/deep/package.json": '{"name":"deep","type":"module","main":"d.js"}',
    "node_modules/deep/d.js": 'export const answer = "sh";',
    "node_modules/unused/package.json": "{}",
  });
  writeFileSync(join(cwd, "web/fledge.lock"), JSON.stringify({ version: 1, entries: {} }));
  chmodSync(join(cwd, "web/init.sh"), 0o755);
  symlinkSync("releases/2", join(cwd, "web/current"));
  symlinkSync("/proc/mounts", join(cwd, "web/site/mtab"));
  symlinkSync("index.html", join(cwd, "web/site/home"));
  linkSync(join(cwd, "web/site/index.html"), join(cwd, "web/site/again"));
  return cwd;
}

test("holds what a build needs, and comes out as it went in", async () => {
  const cwd = sampleProject();
  const { collected, bytes } = await packed(join(cwd, "web"));
  expect(collected.config).toBe("web/fledge.config.ts");
  expect(collected.warnings.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^\/bin\/busybox is not sent/),
  ]);
  const { folder, info } = await unpacked(bytes);
  expect(info).toMatchObject({ config: "web/fledge.config.ts" });
  const found = names(folder);
  for (const name of [
    ...["package.json", "tsconfig.json", "base.json", "web/fledge.config.ts", "web/fledge.lock", "web/init.sh"],
    ...["web/site/index.html", "web/releases/2/app", "shared/banner.ts", "assets/logo"],
    ...["node_modules/answers/a.js", "node_modules/deep/d.js"],
  ]) {
    expect(found, name).toContain(name);
    expect(readFileSync(join(folder, name)).equals(readFileSync(join(cwd, name))), name).toBe(true);
  }
  expect(found.filter((name) => /unused|\.git/.test(name))).toEqual([]);
  expect(statSync(join(folder, "web/init.sh")).mode & 0o777).toBe(0o755);
  expect(readlinkSync(join(folder, "web/current"))).toBe("releases/2");
  expect(readlinkSync(join(folder, "web/site/mtab"))).toBe("/proc/mounts");
  expect(readlinkSync(join(folder, "web/site/home"))).toBe("index.html");
  expect(statSync(join(folder, "web/site/again")).ino).toBe(statSync(join(folder, "web/site/index.html")).ino);
  const [plugin] = (await loadProject({ cwd: folder, configFile: info?.config ?? "" })).members[0]?.plugins ?? [];
  expect(plugin?.manifest.workload?.entrypoint).toEqual(["/bin/sh"]);
});

test("is the same to the byte for the same project elsewhere, packed or not", async () => {
  const [one, other] = [await packed(join(sampleProject(), "web")), await packed(join(sampleProject(), "web"))];
  expect(one.bytes.equals(other.bytes)).toBe(true);
  expect((await unpacked(gzipSync(one.bytes))).digest).toBe((await unpacked(other.bytes)).digest);
});

test("of a workspace has the files of the plugins that are asked for", async () => {
  const toml = (name: string) =>
    `version = "1"\nname = "${name}"\nstrategy = "oci_rootfs"\n[source]\ndir = "root"\n[filesystem]\ntype = "tar"\n`;
  const cwd = project({
    "fledge.config.mjs": 'export default { plugins: ["plugins/*"] };',
    "plugins/a/fledge.toml": toml("a"),
    "plugins/a/root/file": "a",
    "plugins/b/fledge.toml": toml("b"),
    "plugins/b/root/file": "b",
  });
  const { bytes } = await packed(cwd, ["a"]);
  const { folder, info } = await unpacked(bytes);
  expect(names(folder).filter((name) => name.endsWith("file"))).toEqual(["plugins/a/root/file"]);
  const loaded = await loadProject({ cwd: folder, configFile: info?.config ?? "", names: ["a"] });
  expect(loaded.members.flatMap(({ plugins }) => plugins.map(({ name }) => name))).toEqual(["a"]);
});

test("what a build leaves behind is left out", async () => {
  const cwd = project({
    "fledge.toml":
      'version = "1"\nname = "a"\nstrategy = "oci_rootfs"\n[source]\ndir = "."\n[filesystem]\ntype = "tar"\n',
    "a-rootfs.tar": "an old artifact",
    kept: "kept",
  });
  const { folder } = await unpacked((await packed(cwd)).bytes);
  expect(names(folder)).toEqual(["fledge.toml", "kept"]);
});

const PLAIN: Member = { name: "fledge.toml", data: "x" };

test("a folder that somebody has put into a tar is one too", async () => {
  const { folder, info } = await unpacked(tar({ name: "./", type: "5" }, { ...PLAIN, name: "./fledge.toml" }));
  expect([info, names(folder)]).toEqual([undefined, ["fledge.toml"]]);
});

const link = (name: string, linkname: string): Member => ({ name, type: "2", linkname });

test.each<[string, string, Member[]]>([
  ["an absolute path", "absolute path", [{ name: "/etc/passwd" }]],
  ["..", "leads out by ..", [{ name: "a/../../b" }]],
  [".. alone", "leads out by ..", [{ name: "..", type: "5" }]],
  ["an absolute symlink", "symlink that leads out", [link("a", "/etc")]],
  ["a symlink out", "symlink that leads out", [link("a/b", "../../c")]],
  ["a symlink by way of another", "symlink that leads out", [link("a", "b/../../c")]],
  ["a file below a symlink", "below a symlink", [link("a", "b"), { name: "a/file" }]],
  ["a folder over a symlink", "is there twice", [link("a", "b"), { name: "a", type: "5" }]],
  ["a file below a file", "below a file", [{ name: "a" }, { name: "a/b" }]],
  ["the same file twice", "is there twice", [{ name: "a" }, { name: "./a" }]],
  ["a hard link out", "absolute path", [{ name: "a", type: "1", linkname: "/etc/passwd" }]],
  ["a hard link to nothing", "hard link", [{ name: "a", type: "1", linkname: "b" }]],
  ["a hard link by ..", "leads out by ..", [{ name: "a", type: "1", linkname: "../x" }]],
  ["a hard link to a symlink", "hard link", [link("a", "b"), { name: "c", type: "1", linkname: "a" }]],
  ["a device", "is a char", [{ name: "null", type: "3", major: 1, minor: 3 }]],
  ["a block device", "is a block", [{ name: "sda", type: "4", major: 8, minor: 0 }]],
  ["a FIFO", "is a fifo", [{ name: "pipe", type: "6" }]],
  [
    "a file of a TiB that is a hole",
    "maxUnpackedBytes",
    [
      {
        name: "hole",
        pax: [
          ["GNU.sparse.map", "0,0"],
          ["GNU.sparse.size", String(2 ** 40)],
          ["GNU.sparse.numblocks", "1"],
        ],
      },
    ],
  ],
  ["too many entries", "maxEntries", Array.from({ length: 1001 }, (_, i) => ({ name: `f${i}` }))],
])("refused: %s", async (_, words, members) => {
  await expect(unpacked(tar(PLAIN, ...members))).rejects.toMatchObject({
    code: "source",
    message: expect.stringContaining(words),
  });
});

test("refused: too many bytes, also when they are packed well, and what is no tar", async () => {
  const big = tar({ name: "big", data: Buffer.alloc(2 ** 25) });
  await expect(unpacked(gzipSync(big))).rejects.toMatchObject({ code: "source" });
  await expect(unpacked(Buffer.from("hello ".repeat(1000)))).rejects.toMatchObject({ code: "source" });
  await expect(unpacked(tar(PLAIN).subarray(0, 700))).rejects.toMatchObject({ code: "source" });
});

test("links of a description are made last, and not over anything", async () => {
  const info = (links: [string, string][]) => ({
    name: ".fledge-bundle.json",
    data: JSON.stringify({ format: 1, config: "fledge.toml", links }),
  });
  const { folder } = await unpacked(tar(info([["root/etc/mtab", "/proc/mounts"]]), PLAIN, { name: "root/a" }));
  expect(readlinkSync(join(folder, "root/etc/mtab"))).toBe("/proc/mounts");
  for (const links of [
    [["fledge.toml", "/etc/passwd"]],
    [["../x", "/"]],
    [["", "/"]],
    [
      ["a", "/"],
      ["a/b", "/"],
    ],
  ] as [string, string][][]) {
    await expect(unpacked(tar(info(links), PLAIN))).rejects.toMatchObject({ code: "source" });
  }
});

test("modes are kept, those of folders that nobody may write to as well", async () => {
  const { folder } = await unpacked(
    tar({ name: "shut", type: "5", mode: 0o555 }, { name: "shut/in", mode: 0o4711 }, link("shut/link", "in")),
  );
  expect(lstatSync(join(folder, "shut")).mode & 0o7777).toBe(0o555);
  expect(lstatSync(join(folder, "shut/in")).mode & 0o7777).toBe(0o4711);
});

test("where a symlink leads", () => {
  const out = ["/a", "", "..", "../..", "a/..", "../../x"].map((target) => leadsOut("one", target));
  expect(out).toEqual([true, true, true, true, true, true]);
  expect(["a", "./a/b", "../x", "../two/x"].map((target) => leadsOut("one/two", target))).toEqual([
    false,
    false,
    false,
    false,
  ]);
});

test("a package behind symlinks goes with what it depends on", async () => {
  const cwd = project({
    ".git/HEAD": "",
    "fledge.config.mjs":
      'import "one"; export default { name: "a", strategy: "oci_rootfs", source: { dir: "./root" }, filesystem: { type: "tar" } };',
    "root/a": "a",
    "node_modules/.store/one/node_modules/one/package.json":
      '{"name":"one","type":"module","main":"i.js","dependencies":{"two":"*"}}',
    "node_modules/.store/one/node_modules/one/i.js": 'import "two";',
    "node_modules/.store/two/node_modules/two/package.json": '{"name":"two","type":"module","main":"i.js"}',
    "node_modules/.store/two/node_modules/two/i.js": "export {};",
  });
  symlinkSync(".store/one/node_modules/one", join(cwd, "node_modules/one"));
  symlinkSync("../../two/node_modules/two", join(cwd, "node_modules/.store/one/node_modules/two"));
  const { folder, info } = await unpacked((await packed(cwd)).bytes);
  const loaded = await loadProject({ cwd: folder, configFile: info?.config ?? "" });
  expect(loaded.members[0]?.error).toBeUndefined();
  expect(names(folder)).toContain("node_modules/.store/two/node_modules/two/i.js");
});
