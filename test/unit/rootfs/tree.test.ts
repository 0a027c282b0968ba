import { describe, expect, test } from "vitest";
import { toByteString } from "../../../src/lib/bytes.ts";
import type { DirInode } from "../../../src/rootfs/node.ts";
import { RootfsTree } from "../../../src/rootfs/tree.ts";
import { xattrsOf } from "../../helpers/inodes.ts";

describe("files", () => {
  test("are made with the folders above them, root's, 0644 and 0755", () => {
    const rootfs = new RootfsTree({ sec: 5, nsec: 0 });
    rootfs.writeFile("/a/b/c.txt", "hello");
    expect(rootfs.stat("/a/b/c.txt")).toMatchObject({ type: "file", mode: 0o644, uid: 0, gid: 0, size: 5 });
    expect(rootfs.stat("/a/b")).toMatchObject({ type: "dir", mode: 0o755, mtime: { sec: 5, nsec: 0 } });
    expect(rootfs.readFile("/a/b/c.txt").toString()).toBe("hello");
  });

  test("written again keep their inode, owner and mode", () => {
    const rootfs = new RootfsTree();
    rootfs.writeFile("/a", "one", { mode: 0o4755, uid: 7, gid: 8 });
    rootfs.link("/a", "/b");
    rootfs.writeFile("/b", "two!");
    expect(rootfs.readFile("/a").toString()).toBe("two!");
    expect(rootfs.stat("/a")).toMatchObject({ mode: 0o4755, uid: 7, gid: 8, size: 4 });
  });

  test("take a copy of the bytes they are given", () => {
    const rootfs = new RootfsTree();
    const bytes = Buffer.from("abc");
    rootfs.writeFile("/a", bytes);
    bytes[0] = 0x7a;
    expect(rootfs.readFile("/a").toString()).toBe("abc");
  });

  test("keep a name that is not UTF-8 byte for byte", () => {
    const rootfs = new RootfsTree();
    rootfs.writeFile(Buffer.from("2f63616632e9", "hex"), "latin1 name");
    rootfs.writeFile("/café", "utf-8 name");
    expect([...rootfs.root.children.keys()]).toEqual([
      toByteString(Buffer.from("63616632e9", "hex")),
      toByteString("café"),
    ]);
    expect(rootfs.readdir("/")).toEqual(["caf2\udce9", "café"]);
  });
});

describe("links and devices", () => {
  test("a hard link is a second name, of a symlink too, never of a directory", () => {
    const rootfs = new RootfsTree();
    rootfs.symlink("nowhere", "/s");
    rootfs.link("/s", "/s2");
    expect(rootfs.lstat("/s2").target).toBe("nowhere");
    rootfs.mkdir("/d");
    expect(() => rootfs.link("/d", "/d2")).toThrow(/\/d is a directory and cannot have a second name/);
  });

  test("device numbers are kept, and missing ones refused", () => {
    const rootfs = new RootfsTree();
    rootfs.mknod("/dev/null", { type: "char", major: 1, minor: 3, mode: 0o666 });
    expect(rootfs.stat("/dev/null")).toMatchObject({ type: "char", major: 1, minor: 3, mode: 0o666 });
    expect(() => rootfs.mknod("/dev/x", { type: "block" })).toThrow(/\/dev\/x a device needs its major and minor/);
  });

  test("a name that is taken is an error with a hint", () => {
    const rootfs = new RootfsTree();
    rootfs.writeFile("/a", "");
    expect(() => rootfs.symlink("b", "/a")).toThrow(expect.objectContaining({ hint: "remove it first, with rm()" }));
  });
});

describe("metadata", () => {
  test("chmod, chown and setXattr follow symlinks", () => {
    const rootfs = new RootfsTree();
    rootfs.writeFile("/bin/ping", "elf");
    rootfs.symlink("/bin/ping", "/ping");
    rootfs.chmod("/ping", 0o4755);
    rootfs.chown("/ping", 4_000_000_000, 1);
    rootfs.setXattr("/ping", "user.note", "x");
    expect(rootfs.stat("/bin/ping")).toMatchObject({ mode: 0o4755, uid: 4_000_000_000, gid: 1 });
    expect(rootfs.stat("/bin/ping").xattrs.get("user.note")).toEqual(Buffer.from("x"));
    rootfs.setXattr("/ping", "user.note", undefined);
    expect(rootfs.stat("/bin/ping").xattrs.size).toBe(0);
  });

  test.each([
    [() => new RootfsTree().chmod("/", 0o10000), /mode 4096 is not within 0 and 0o7777/],
    [() => new RootfsTree().chown("/", -1, 0), /owner -1 is not a 32-bit number/],
    [() => new RootfsTree().stat("etc"), /etc is not absolute/],
    [() => new RootfsTree().stat("/nope"), /\/nope does not exist in the guest/],
    [() => new RootfsTree().readFile("/"), /\/ is a dir, not a regular file/],
    [() => new RootfsTree().writeFile("/a\0b", ""), /holds a NUL byte/],
    [() => new RootfsTree().setCapability("/", "cap_chown+ep"), /is not a regular file and cannot have capabilities/],
  ])("bad input is an error that says what is wrong (%#)", (act, message) => {
    expect(act).toThrow(message);
  });
});

test("what walk, readdir, glob and stat hand out leads back, whatever its bytes", () => {
  const rootfs = new RootfsTree();
  const latin = Buffer.from("/bin/caf\xe9 \xff", "latin1");
  rootfs.writeFile(latin, "program", { mode: 0o4755 });
  rootfs.writeFile("/bin/été", "program", { mode: 0o4755 });
  rootfs.symlink(latin, "/link");
  rootfs.setXattr(latin, "user.é", "x");
  // Names as layers bring them.
  const node = rootfs.root.children.get("bin" as never) as DirInode;
  for (const child of node.children.values()) child.xattrs = xattrsOf([["user.\xff", Buffer.from("y")]]);

  for (const { path, type, mode, xattrs } of rootfs.walk()) {
    if (type !== "file") continue;
    expect(rootfs.readFile(path).toString()).toBe("program");
    rootfs.chmod(path, mode & 0o777);
    for (const name of xattrs.keys()) rootfs.setXattr(path, name, undefined);
    rootfs.writeFile(`${path}.copy`, rootfs.readFile(path));
  }
  expect(rootfs.stat(latin)).toMatchObject({ mode: 0o755, xattrs: new Map() });
  expect(rootfs.exists(Buffer.concat([latin, Buffer.from(".copy")]))).toBe(true);
  const { target } = rootfs.lstat("/link");
  rootfs.symlink(target as string, "/again");
  expect(rootfs.readFile("/again").toString()).toBe("program");
  for (const path of rootfs.glob("/bin/*\udcff*")) expect(rootfs.rm(path)).toBe(true);
  for (const name of rootfs.readdir("/bin")) expect(rootfs.rm(`/bin/${name}`)).toBe(true);
  expect(rootfs.readdir("/bin")).toEqual([]);
  expect(() => rootfs.stat(latin)).toThrow("/bin/caf\\xe9 \\xff does not exist in the guest");
});

test("rm removes a subtree, not what a symlink points to, and says whether there was anything", () => {
  const rootfs = new RootfsTree();
  rootfs.writeFile("/a/b/c", "");
  rootfs.symlink("/a", "/link");
  expect(rootfs.rm("/link")).toBe(true);
  expect(rootfs.exists("/a/b/c")).toBe(true);
  expect(rootfs.rm("/a")).toBe(true);
  expect(rootfs.rm("/a")).toBe(false);
});

test("walk gives every name once, sorted by raw bytes", () => {
  const rootfs = new RootfsTree();
  for (const path of ["/b/x", "/a.txt", "/a/z", "/B", "/é"]) rootfs.writeFile(path, "");
  expect([...rootfs.walk()].map((entry) => entry.path)).toEqual(["/B", "/a", "/a/z", "/a.txt", "/b", "/b/x", "/é"]);
});
