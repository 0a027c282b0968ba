import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
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

test("what is missing, unreadable or special is an error that names it", () => {
  const rootfs = new RootfsTree();
  expect(() => rootfs.copyFromHost(join(folder, "none"), "/x")).toThrow(/cannot copy .*none: no such file or folder/);
  execFileSync("mkfifo", [join(folder, "pipe")]);
  expect(() => rootfs.copyFromHost(folder, "/x")).toThrow(/cannot copy .*pipe: it is not a file, folder or symlink/);
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
