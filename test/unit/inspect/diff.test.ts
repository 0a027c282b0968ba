import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cpioImager } from "../../../src/imagers/cpio/index.ts";
import { ext4Imager } from "../../../src/imagers/ext4/index.ts";
import { tarImager } from "../../../src/imagers/tar/index.ts";
import { diffImages, type ImageDiff } from "../../../src/inspect/diff.ts";
import { openImage } from "../../../src/inspect/open.ts";
import { type ImageReader, imageReader } from "../../../src/inspect/reader.ts";
import { sealTree } from "../../../src/rootfs/seal.ts";
import type { RootfsTree } from "../../../src/rootfs/tree.ts";
import { quietContext } from "../../helpers/disk.ts";
import { ext4Options } from "../../helpers/ext4.ts";
import { sampleTree } from "../../helpers/sample-tree.ts";
import { tempDir } from "../../helpers/temp.ts";

function readerOf(tree: RootfsTree, target = "tree"): ImageReader {
  return imageReader({ target, format: "folder", facts: {}, lacks: [], root: tree.root, close: async () => {} });
}

function treeWith(fill: (tree: RootfsTree) => void): RootfsTree {
  const tree = sampleTree();
  fill(tree);
  return tree;
}

async function changesOf(fill: (tree: RootfsTree) => void): Promise<ImageDiff["differences"]> {
  return (await diffImages(readerOf(sampleTree()), readerOf(treeWith(fill)))).differences;
}

describe("what differs", () => {
  test("nothing, of a tree and itself", async () => {
    const { isSame, differences } = await diffImages(readerOf(sampleTree()), readerOf(sampleTree()));
    expect([isSame, differences]).toEqual([true, []]);
  });

  test.each<[string, (tree: RootfsTree) => void, object[]]>([
    ["a new file", (tree) => tree.writeFile("/new", "x"), [{ path: "/new", change: "added", sizeB: 1 }]],
    ["a file that is gone", (tree) => tree.rm("/CASE"), [{ path: "/CASE", change: "removed", sizeA: 5 }]],
    [
      "a mode",
      (tree) => tree.chmod("/CASE", 0o600),
      [{ path: "/CASE", aspects: [{ what: "mode", a: "0644", b: "0600" }] }],
    ],
    [
      "an owner",
      (tree) => tree.chown("/tmp", 1, 2),
      [{ path: "/tmp", aspects: [{ what: "owner", a: "0:0", b: "1:2" }] }],
    ],
    [
      "a size",
      (tree) => tree.writeFile("/CASE", "more text"),
      [{ path: "/CASE", aspects: [{ what: "size", a: "5", b: "9" }] }],
    ],
    ["a content", (tree) => tree.writeFile("/CASE", "UPPER"), [{ path: "/CASE", aspects: [{ what: "content" }] }]],
    [
      "an attribute",
      (tree) => tree.setXattr("/CASE", "user.a", "b"),
      [{ path: "/CASE", aspects: [{ what: "xattr", name: "user.a", a: "none", b: "0x62" }] }],
    ],
    [
      "a target",
      (tree) => {
        tree.rm("/bin/pw");
        tree.symlink("elsewhere", "/bin/pw");
      },
      [{ path: "/bin/pw", aspects: [{ what: "target", a: "../etc/passwd", b: "elsewhere" }] }],
    ],
    [
      "a type",
      (tree) => {
        tree.rm("/CASE");
        tree.mkdir("/CASE");
      },
      [{ path: "/CASE", aspects: [{ what: "type", a: "file", b: "dir" }] }],
    ],
    [
      "a link that is a file of its own now",
      (tree) => {
        tree.rm("/etc/empty2");
        tree.writeFile("/etc/empty2", "");
      },
      [
        {
          path: "/etc/empty2",
          aspects: [{ what: "links", a: "one file with /etc/empty", b: "one file with /etc/empty2" }],
        },
      ],
    ],
    [
      "another name",
      (tree) => {
        const bytes = tree.readFile("/etc/passwd");
        tree.rm("/etc/passwd");
        tree.writeFile("/etc/users", bytes, { mode: 0o600 });
      },
      [
        {
          path: "/etc/users",
          change: "renamed",
          from: "/etc/passwd",
          aspects: [{ what: "mode", a: "0644", b: "0600" }],
        },
      ],
    ],
  ])("%s", async (_, fill, expected) => {
    const found = await changesOf(fill);
    expect(found).toHaveLength(expected.length);
    expect(found).toMatchObject(expected);
  });

  test("seen from the other side it is the other way round", async () => {
    const [a, b] = [
      readerOf(sampleTree()),
      readerOf(
        treeWith((tree) => {
          tree.writeFile("/new", "x");
          tree.rm("/case");
          tree.chmod("/tmp", 0o700);
        }),
      ),
    ];
    const [there, back] = [await diffImages(a, b), await diffImages(b, a)];
    const reversed = back.differences.map(({ path, change }) => [
      path,
      change === "added" ? "removed" : change === "removed" ? "added" : change,
    ]);
    expect(there.differences.map(({ path, change }) => [path, change])).toEqual(reversed);
  });
});

test("a tree in every format is the same as itself and as in any other, but for what that cannot tell", async () => {
  const folder = tempDir();
  const tree = sealTree(sampleTree().root);
  const ctx = quietContext();
  const paths = { ext4: join(folder, "a.img"), tar: join(folder, "a.tar"), cpio: join(folder, "a.cpio.gz") };
  await ext4Imager.write(tree, paths.ext4, ext4Options(), ctx);
  await tarImager.write(tree, paths.tar, { type: "tar", sparse: true }, ctx);
  await cpioImager.write(tree, paths.cpio, { compression: "gzip" }, ctx);
  const readers = await Promise.all(
    Object.values(paths).map((path) => openImage(path, { cacheDir: join(folder, "cache") })),
  );
  for (const a of readers) {
    for (const b of readers) expect((await diffImages(a, b)).differences, `${a.format} and ${b.format}`).toEqual([]);
  }
  await Promise.all(readers.map((reader) => reader.close()));
});

test("a folder of this machine, with its owners", async () => {
  const folder = tempDir();
  mkdirSync(join(folder, "etc"));
  writeFileSync(join(folder, "etc/hostname"), "guest\n");
  const reader = await openImage(folder);
  expect(reader.tree.entries.map(({ path }) => path)).toEqual(["", "etc", "etc/hostname"]);
  expect(reader.tree.inodes[2]?.node).toMatchObject({ uid: process.getuid?.(), size: 6 });
  expect((await diffImages(reader, reader)).isSame).toBe(true);
  await reader.close();
});
