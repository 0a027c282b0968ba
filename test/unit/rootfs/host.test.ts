import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { digestContent, readContent, segmentsOf } from "../../../src/rootfs/content.ts";
import { findHoles } from "../../../src/rootfs/holes.ts";
import type { FileInode } from "../../../src/rootfs/node.ts";
import { sealTree } from "../../../src/rootfs/seal.ts";
import { RootfsTree } from "../../../src/rootfs/tree.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fledge-host-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("a folder is copied with its symlinks; what the umask did to modes does not matter", () => {
  mkdirSync(join(folder, "site/css"), { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, "site/index.html"), "page", { mode: 0o600 });
  writeFileSync(join(folder, "site/run.sh"), "#!/bin/sh", { mode: 0o700 });
  symlinkSync("index.html", join(folder, "site/home"));
  const rootfs = new RootfsTree();
  rootfs.copyFromHost(join(folder, "site"), "/srv/www");
  expect([...rootfs.walk()].map(({ path, type, mode }) => `${path} ${type} ${mode.toString(8)}`)).toEqual([
    "/srv dir 755",
    "/srv/www dir 755",
    "/srv/www/css dir 755",
    "/srv/www/home symlink 777",
    "/srv/www/index.html file 644",
    "/srv/www/run.sh file 755",
  ]);
  expect(rootfs.readFile("/srv/www/home").toString()).toBe("page");
});

test("a file goes into a directory that is there, or that the destination's slash asks for", () => {
  writeFileSync(join(folder, "nginx.conf"), "x");
  const rootfs = new RootfsTree();
  rootfs.mkdir("/etc/nginx");
  rootfs.symlink("/etc/nginx", "/conf");
  rootfs.copyFromHost(join(folder, "nginx.conf"), "/conf");
  rootfs.copyFromHost(join(folder, "nginx.conf"), "/new/");
  expect(rootfs.exists("/etc/nginx/nginx.conf")).toBe(true);
  expect(rootfs.exists("/new/nginx.conf")).toBe(true);
});

test("a symlink in the way is replaced, not written through", () => {
  writeFileSync(join(folder, "sh"), "mine");
  const rootfs = new RootfsTree();
  rootfs.writeFile("/bin/busybox", "busybox");
  rootfs.symlink("busybox", "/bin/sh");
  rootfs.copyFromHost(join(folder, "sh"), "/bin/sh");
  expect(rootfs.readFile("/bin/busybox").toString()).toBe("busybox");
  expect(rootfs.readFile("/bin/sh").toString()).toBe("mine");
});

test("names that are not UTF-8 arrive byte for byte", () => {
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xe9, 0x31])]), "latin");
  const rootfs = new RootfsTree();
  rootfs.copyFromHost(folder, "/d");
  expect(rootfs.readFile(Buffer.from("2f642fe931", "hex")).toString()).toBe("latin");
});

test("what is missing or, asked for by name, special is an error that names it", () => {
  const rootfs = new RootfsTree();
  expect(() => rootfs.copyFromHost(join(folder, "none"), "/x")).toThrow(/cannot copy .*none: no such file or folder/);
  execFileSync("mkfifo", [join(folder, "pipe")]);
  expect(() => rootfs.copyFromHost(join(folder, "pipe"), "/x")).toThrow(
    /cannot copy .*pipe: it is not a file, folder or symlink/,
  );
});

test("of a folder, pipes are made anew and sockets are left out with a warning", async () => {
  const server = createServer().listen(join(folder, "socket"));
  await once(server, "listening");
  execFileSync("mkfifo", ["-m", "700", join(folder, "pipe")]);
  writeFileSync(join(folder, "z"), "");
  const warnings: string[] = [];
  const rootfs = new RootfsTree(undefined, ({ message }) => void warnings.push(message));
  rootfs.copyFromHost(folder, "/x", { uid: 5 });
  server.close();
  expect(rootfs.readdir("/x")).toEqual(["pipe", "z"]);
  expect(rootfs.stat("/x/pipe")).toMatchObject({ type: "fifo", mode: 0o644, uid: 5 });
  expect(warnings).toEqual([`${folder}/socket is a socket and is left out: only a running program makes one`]);
});

test("directories that the guest has keep mode, owner and time; what is added is as it was asked for", () => {
  mkdirSync(join(folder, "etc/ssl/private"), { recursive: true });
  mkdirSync(join(folder, "tmp/new"), { recursive: true });
  writeFileSync(join(folder, "tmp/new/file"), "");
  const rootfs = new RootfsTree({ sec: 9, nsec: 0 });
  rootfs.mkdir("/tmp", { mode: 0o1777 });
  rootfs.mkdir("/usr/etc/ssl/private", { mode: 0o710, gid: 42 });
  rootfs.symlink("usr/etc", "/etc");
  rootfs.chmod("/", 0o711);
  const before = [...rootfs.walk()].filter(({ type }) => type === "dir");
  rootfs.copyFromHost(folder, "/", { uid: 1000, gid: 1000, mode: 0o600 });
  expect([...rootfs.walk()].filter(({ path }) => before.some((one) => one.path === path))).toEqual(before);
  expect(rootfs.stat("/")).toMatchObject({ mode: 0o711, uid: 0, gid: 0 });
  expect(rootfs.stat("/tmp/new")).toMatchObject({ mode: 0o755, uid: 1000, gid: 1000 });
  expect(rootfs.stat("/tmp/new/file")).toMatchObject({ mode: 0o600, uid: 1000, gid: 1000 });
});

describe("a file is read as what it was when it was copied", () => {
  const path = (): string => join(folder, "input");
  const other = (): string => join(folder, "other");
  test.each<[string, () => void]>([
    ["gone, another of the same size in its place", () => renameSync(other(), path())],
    ["a symlink", () => void execFileSync("ln", ["-sf", other(), path()])],
    ["a pipe that nobody writes to", () => void execFileSync("sh", ["-c", 'rm "$0"; mkfifo "$0"', path()])],
    ["written to, its size the same", () => writeFileSync(path(), "54321")],
    [
      "written to, its time set back",
      () => void execFileSync("sh", ["-c", 'echo 4321 >"$0"; touch -d @7 "$0"', path()]),
    ],
    ["longer", () => writeFileSync(path(), "123456")],
  ])("%s", async (_, change) => {
    writeFileSync(path(), "12345");
    utimesSync(path(), 7, 7);
    writeFileSync(other(), "abcde");
    const rootfs = new RootfsTree();
    rootfs.copyFromHost(path(), "/f");
    expect(rootfs.readFile("/f").toString()).toBe("12345");
    change();
    expect(() => rootfs.readFile("/f")).toThrow(/input changed while the image was being written/);
    const [, entry] = sealTree(rootfs.root).entries;
    await expect(digestContent(entry?.inode.node as FileInode)).rejects.toThrow(/input changed while/);
  });

  test("written to while it is read", async () => {
    writeFileSync(path(), Buffer.alloc(5_000_000, "x"));
    const rootfs = new RootfsTree();
    rootfs.copyFromHost(path(), "/f");
    const reading = readContent(rootfs.root.children.get("f" as never) as FileInode);
    await reading.next();
    const fd = openSync(path(), "r+");
    writeSync(fd, "y", 4_000_000);
    closeSync(fd);
    await expect(async () => {
      for await (const _ of reading);
    }).rejects.toThrow(/input changed while/);
  });
});

test("the file that a symlink led to is the one that is read", () => {
  writeFileSync(join(folder, "v1"), "one");
  symlinkSync("v1", join(folder, "current"));
  const rootfs = new RootfsTree();
  rootfs.copyFromHost(join(folder, "current"), "/etc/");
  expect(rootfs.readFile("/etc/current").toString()).toBe("one");
});

test("a sparse file stays one: its holes are found by their zeros", async () => {
  const path = join(folder, "sparse");
  writeFileSync(path, "");
  truncateSync(path, 10_000_001);
  const fd = openSync(path, "r+");
  writeSync(fd, "data", 5_000_000);
  writeSync(fd, "\0\0end", 9_999_996);
  closeSync(fd);
  const rootfs = new RootfsTree();
  rootfs.copyFromHost(path, "/f");
  const file = rootfs.root.children.get("f" as never) as FileInode;
  await findHoles(rootfs.root, new AbortController().signal);
  expect(segmentsOf(file)).toEqual([
    { at: 4_997_120, length: 4096 },
    { at: 9_998_336, length: 1665 },
  ]);
  expect(rootfs.readFile("/f").equals(readFileSync(path))).toBe(true);
  expect(await digestContent(file)).toBe(createHash("sha256").update(readFileSync(path)).digest("hex"));
});

test("a file that changes its size after it was copied is an error when it is read", () => {
  const path = join(folder, "grows");
  writeFileSync(path, "12345");
  chmodSync(path, 0o644);
  const rootfs = new RootfsTree();
  rootfs.copyFromHost(path, "/grows");
  writeFileSync(path, "123");
  expect(() => rootfs.readFile("/grows")).toThrow(/grows changed while the image was being written/);
});
