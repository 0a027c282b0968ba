import { expect, test } from "vitest";
import { planExt4 } from "../../../src/imagers/ext4/layout/plan.ts";
import { resolveExt4Options } from "../../../src/imagers/ext4/options.ts";
import type { FileInode } from "../../../src/rootfs/node.ts";
import { sealTree } from "../../../src/rootfs/seal.ts";
import { RootfsTree } from "../../../src/rootfs/tree.ts";

test("links are counted as Unix does, and later names are marked", () => {
  const rootfs = new RootfsTree();
  rootfs.writeFile("/z", "12");
  rootfs.link("/z", "/a");
  rootfs.mkdir("/d/e");
  const sealed = sealTree(rootfs.root);
  expect(sealed.entries.map(({ path, inode, isFirstName }) => [path, inode.index, inode.nlink, isFirstName])).toEqual([
    ["", 0, 3, true],
    ["a", 1, 2, true],
    ["d", 2, 3, true],
    ["d/e", 3, 2, true],
    ["z", 1, 2, false],
  ]);
  expect(sealed.contentBytes).toBe(2);
  expect(sealed.inodes[0]?.entries.map((entry) => entry.name)).toEqual(["a", "d", "z"]);
});

test("times are clamped to the ceiling, and only down", () => {
  const rootfs = new RootfsTree({ sec: 100, nsec: 9 });
  rootfs.writeFile("/a", "");
  expect(sealTree(rootfs.root, 50).inodes[1]?.mtime).toEqual({ sec: 50, nsec: 0 });
  expect(sealTree(rootfs.root, 100).inodes[1]?.mtime).toEqual({ sec: 100, nsec: 0 });
  expect(sealTree(rootfs.root, 101).inodes[1]?.mtime).toEqual({ sec: 100, nsec: 9 });
});

test("the order of entry does not matter", () => {
  const paths = ["/b", "/a/x", "/a-", "/a", "/c/d/e"];
  const listing = (order: string[]): string[] => {
    const rootfs = new RootfsTree();
    for (const path of order) rootfs.mkdir(path);
    return sealTree(rootfs.root).entries.map((entry) => entry.path);
  };
  expect(listing(paths)).toEqual(listing([...paths].reverse()));
});

test("a tree deeper than the call stack is sealed", () => {
  const rootfs = new RootfsTree();
  let dir = rootfs.root;
  for (let depth = 0; depth < 50_000; depth++) {
    const child = { ...rootfs.root, children: new Map() };
    dir.children.set("d" as never, child);
    dir = child;
  }
  expect(sealTree(rootfs.root).entries).toHaveLength(50_001);
});

test("the paths of a deep tree are not kept for each of its inodes", () => {
  const rootfs = new RootfsTree();
  let dir = rootfs.root;
  for (let depth = 0; depth < 2000; depth++) {
    const child = { ...rootfs.root, children: new Map() };
    dir.children.set("d" as never, child);
    dir = child;
  }
  rootfs.writeFile("/f", "");
  const file = rootfs.root.children.get("f" as never) as FileInode;
  for (let i = 0; i < 80_000; i++) dir.children.set(`f${i}` as never, { ...file });
  const before = process.memoryUsage().heapUsed;
  const sealed = sealTree(rootfs.root);
  const planned = planExt4(sealed, resolveExt4Options({}, "deep"));
  // Its paths together are 320 MB.
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(200 * 2 ** 20);
  expect(sealed.entries.at(-2)?.path).toHaveLength(2 * 2000 + "f9999".length);
  expect(planned).toBeDefined();
});
