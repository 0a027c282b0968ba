import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ext4Imager } from "../../../../../src/imagers/ext4/index.ts";
import { Ext4Reader } from "../../../../../src/imagers/ext4/reader/read.ts";
import { verifyExt4 } from "../../../../../src/imagers/ext4/reader/verify.ts";
import type { DirInode, Inode } from "../../../../../src/rootfs/node.ts";
import { quietContext, withFolder } from "../../../../helpers/disk.ts";
import { ext4Options } from "../../../../helpers/ext4.ts";
import { device, dir, file, pipe, seal, stored, symlink, xattrsOf } from "../../../../helpers/inodes.ts";
import { randomTree } from "../../../../helpers/random-tree.ts";

const ctx = quietContext();
const shared = () => file("shared");

function sample(): Record<string, Inode> {
  const link = shared();
  return {
    a: dir(
      { data: file("content of a file that can be found"), big: file(Buffer.alloc(20_000, "x")) },
      { mode: 0o750 },
    ),
    cap: file("x", {
      xattrs: new Map([
        ["security.capability", Buffer.alloc(20, 1)],
        ["user.block", Buffer.alloc(500, 2)],
      ]),
    }),
    dev: device("char", 300, 70_000),
    fifo: pipe("fifo"),
    h1: link,
    h2: link,
    l: symlink("target"),
    ll: symlink("long ".repeat(20)),
    many: dir(Array.from({ length: 400 }, (_, i): [string, Inode] => [`name number ${i}`, file()])),
    "sm\xf8rrebr\xf8d": file("odd"),
  };
}

async function write(root: DirInode, image: string, changes = {}) {
  return ext4Imager.write(seal(root), image, ext4Options(changes), ctx);
}

test("the imager's contract", async () => {
  const options = ext4Options();
  expect([
    ext4Imager.name,
    ext4Imager.suffix(options),
    ext4Imager.requirements(options),
    ext4Imager.isBootable,
  ]).toEqual(["ext4", "-rootfs.img", [], true]);
  await withFolder(async (folder) => {
    const image = join(folder, "i");
    const progress: number[] = [];
    const facts = await ext4Imager.write(seal(dir(sample())), image, options, {
      ...ctx,
      progress: (done) => progress.push(done),
    });
    const bytes = readFileSync(image);
    expect(facts).toEqual({
      sizeBytes: bytes.length,
      digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`,
    });
    expect(progress.at(-1)).toBe(bytes.length);
    expect(progress).toEqual([...progress].sort((x, y) => x - y));
    await expect(ext4Imager.write(seal(dir(sample())), image, options, ctx)).rejects.toThrow("it is there already");
    await ext4Imager.verify(seal(dir(sample())), image, options, ctx);
  });
});

test("the same tree gives the same bytes, holes or not", () =>
  withFolder(async (folder) => {
    const facts = [
      await write(dir(sample()), join(folder, "a")),
      await write(dir(Object.fromEntries(Object.entries(sample()).reverse())), join(folder, "b")),
      await write(dir(sample()), join(folder, "c"), { preallocate: true }),
    ];
    expect(new Set(facts.map(({ digest }) => digest)).size).toBe(1);
  }));

test("contents of host files and of layers, small and large, in the order of the tree", () =>
  withFolder(async (folder) => {
    const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
    writeFileSync(join(folder, "layer"), bytes);
    writeFileSync(join(folder, "host"), bytes.subarray(0, 1_500_001));
    const layer = join(folder, "layer");
    const root = dir({
      z: stored({ file: layer, offset: 1, size: 2_999_999 }),
      b: { ...file(), size: 1_500_001, content: { kind: "file", path: join(folder, "host") } },
      a: stored({ file: layer, offset: 2_000_000, size: 10 }),
      m: stored({ file: layer, offset: 7, size: 131_072 }),
    });
    await write(root, join(folder, "i"));
    await verifyExt4(seal(root), join(folder, "i"), ctx);
  }));

describe("a host file that is not what it was is an error that names it", () => {
  test.each([
    ["gone", undefined, /cannot read .*host: no such file/],
    ["shorter", 5, /host changed while/],
    ["longer", 50, /host changed while/],
  ])("%s", (_, length, message) =>
    withFolder(async (folder) => {
      const path = join(folder, "host");
      if (length !== undefined) writeFileSync(path, Buffer.alloc(length));
      const root = dir({ f: { ...file(), size: 10, content: { kind: "file", path } } });
      await expect(write(root, join(folder, "i"))).rejects.toMatchObject({
        code: "io",
        message: expect.stringMatching(message),
      });
    }),
  );

  test("a layer that ends too early", () =>
    withFolder(async (folder) => {
      writeFileSync(join(folder, "layer"), "short");
      const root = dir({ f: stored({ file: join(folder, "layer"), offset: 0, size: 300_000 }) });
      await expect(write(root, join(folder, "i"))).rejects.toThrow(/layer changed while/);
    }));
});

test("an abort stops it between chunks", () =>
  withFolder(async (folder) => {
    const controller = new AbortController();
    const tree = seal(dir({ f: file(Buffer.alloc(30_000_000, 1)) }));
    const aborting = {
      ...quietContext(controller.signal),
      progress: (done: number) => done > 8_000_000 && controller.abort(),
    };
    await expect(ext4Imager.write(tree, join(folder, "i"), ext4Options(), aborting)).rejects.toMatchObject({
      code: "aborted",
    });
    await expect(verifyExt4(tree, join(folder, "i"), aborting)).rejects.toBeDefined();
  }));

test("the reader yields every name", () =>
  withFolder(async (folder) => {
    await write(dir({ ...sample(), many: dir() }), join(folder, "i"), { label: "some label" });
    const reader = Ext4Reader.open(join(folder, "i"));
    const paths: string[] = [];
    for (const { path } of reader.walk()) paths.push(path);
    reader.close();
    expect(reader.superblock.label).toBe("some label");
    expect(paths.sort()).toEqual([
      "",
      "a",
      "a/big",
      "a/data",
      "cap",
      "dev",
      "fifo",
      "h1",
      "h2",
      "l",
      "ll",
      "lost+found",
      "many",
      "sm\xf8rrebr\xf8d",
    ]);
  }));

test("random trees come back as they were", () =>
  fc.assert(
    fc.asyncProperty(randomTree, (root) =>
      withFolder(async (folder) => {
        await write(root, join(folder, "i"));
        await verifyExt4(seal(root), join(folder, "i"), ctx);
      }),
    ),
    { numRuns: 60 },
  ));

describe("another tree is a difference that names the path", () => {
  const changed = (change: (names: Record<string, Inode>) => void): DirInode => {
    const names = sample();
    change(names);
    return dir(names);
  };
  const folder = (names: Record<string, Inode>): DirInode => names.a as DirInode;
  test.each<[string, (names: Record<string, Inode>) => void, RegExp]>([
    [
      "mode",
      (n) => {
        folder(n).mode = 0o755;
      },
      /^\/a: mode is 750, not 755/,
    ],
    [
      "owner",
      (n) => {
        folder(n).uid = 5;
      },
      /^\/a: owner is 0:0, not 5:0/,
    ],
    [
      "mtime",
      (n) => {
        folder(n).mtime = { sec: 1_700_000_000, nsec: 1 };
      },
      /^\/a: mtime is 1700000000\.0, not 1700000000\.1/,
    ],
    [
      "content",
      (n) => {
        folder(n).children.set("data" as never, file("content of a file that can be fouND"));
      },
      /^\/a\/data: has other bytes/,
    ],
    [
      "size",
      (n) => {
        folder(n).children.set("data" as never, file("content"));
      },
      /^\/a\/data: size is 35, not 7/,
    ],
    [
      "type",
      (n) => {
        n.fifo = pipe("socket");
      },
      /^\/: type of the name "fifo" is 5, not 6/,
    ],
    [
      "target",
      (n) => {
        n.l = symlink("tarGet");
      },
      /^\/l: target is target, not tarGet/,
    ],
    [
      "long target",
      (n) => {
        n.ll = symlink("LONG ".repeat(20));
      },
      /^\/ll: target is/,
    ],
    [
      "device",
      (n) => {
        n.dev = device("char", 300, 70_001);
      },
      /^\/dev: device number is 300:70000, not 300:70001/,
    ],
    [
      "xattr value",
      (n) => {
        (n.cap as Inode).xattrs = xattrsOf([
          ["security.capability", Buffer.alloc(20, 9)],
          ["user.block", Buffer.alloc(500, 2)],
        ]);
      },
      /^\/cap: has another value in the extended attribute security\.capability/,
    ],
    [
      "xattr missing",
      (n) => {
        (n.l as Inode).xattrs = xattrsOf([["trusted.x", Buffer.alloc(1)]]);
      },
      /^\/l: lacks the extended attribute trusted\.x/,
    ],
    [
      "xattr extra",
      (n) => {
        (n.cap as Inode).xattrs = xattrsOf([["security.capability", Buffer.alloc(20, 1)]]);
      },
      /^\/cap: has the extended attribute user\.block/,
    ],
    [
      "name missing",
      (n) => {
        n.extra = file();
      },
      /^\/: lacks the name "extra"/,
    ],
    [
      "name extra",
      (n) => {
        delete n.l;
      },
      /^\/: has the name "l", which the tree has not/,
    ],
    [
      "a link that should be two files",
      (n) => {
        n.h2 = shared();
      },
      /^\/: has in "h2" one more name of inode \d+, another file/,
    ],
    [
      "two files that should be a link",
      (n) => {
        n.l = n.ll as Inode;
      },
      /^\/: inode of the name "ll" is \d+, not \d+/,
    ],
  ])("%s", (_, change, message) =>
    withFolder(async (path) => {
      await write(dir(sample()), join(path, "i"));
      const attempt = verifyExt4(seal(changed(change)), join(path, "i"), ctx);
      await expect(attempt).rejects.toMatchObject({ code: "verify", message: expect.stringMatching(message) });
    }),
  );
});

describe("a damaged image is noticed", () => {
  /** Writes the sample, flips one bit where `find` points, and returns what verify says. */
  async function flipped(find: (image: Buffer) => number): Promise<string> {
    return withFolder(async (folder) => {
      const image = join(folder, "i");
      await write(dir(sample()), image);
      const bytes = readFileSync(image);
      const at = find(bytes);
      bytes[at] = (bytes[at] as number) ^ 0x10;
      writeFileSync(image, bytes);
      return verifyExt4(seal(dir(sample())), image, ctx).then(
        () => "nothing",
        (error: Error) => error.message,
      );
    });
  }
  /** Where the folder of 400 names begins: "." and ".." and the start of the index. */
  const dxRootAt = (image: Buffer): number => image.indexOf(Buffer.from([0, 0, 0, 0, 1, 8, 0, 0, 0xfb, 1])) - 24;
  /** lost+found's second block, which is one entry without a name. */
  const EMPTY_DIR_BLOCK = Buffer.concat([Buffer.from([0, 0, 0, 0, 0xf4, 0x0f, 0, 0]), Buffer.alloc(4076)]);
  // Block by block: indexOf takes minutes to find so many zeros among others.
  const emptyDirBlock = (image: Buffer): number => {
    for (let at = 0; at < image.length; at += 4096) {
      if (image.subarray(at, at + EMPTY_DIR_BLOCK.length).equals(EMPTY_DIR_BLOCK)) return at;
    }
    throw new Error("lost+found is not there");
  };
  const inodeAt = (number: number, offset: number) => (image: Buffer) =>
    image.readUInt32LE(4096 + 8) * 4096 + (number - 1) * 256 + offset;

  test.each<[string, (image: Buffer) => number, RegExp]>([
    ["content", (image) => image.indexOf("content of a file") + 3, /^\/a\/data: has other bytes from offset 0 on/],
    ["a long target", (image) => image.indexOf("long long ") + 3, /^\/ll: target is/],
    [
      "an attribute block",
      (image) => image.indexOf(Buffer.alloc(500, 2)) + 9,
      /^\/cap: the checksum of its attribute block/,
    ],
    [
      "a leaf of a hash tree",
      (image) => image.indexOf("name number 300"),
      /^\/many: the checksum of its directory block \d+ is wrong/,
    ],
    [
      "a linear folder",
      (image) => image.indexOf("data", image.indexOf("big")),
      /^\/a: the checksum of its directory block 0 is wrong/,
    ],
    ["the mode of the root", inodeAt(2, 0), /^\/: the checksum of inode 2 is wrong/],
    ["the size of a folder", inodeAt(12, 4), /^\/: the checksum of inode 12 is wrong|^\/a: the checksum of inode 12/],
    ["the time of a file", inodeAt(14, 16), /^\/a\/data: the checksum of inode 14 is wrong/],
    ["the superblock", () => 1024 + 0x60, /the checksum of the superblock is wrong/],
    ["the magic number", () => 1024 + 0x38, /no ext4 magic number/],
    ["a group descriptor", () => 4096 + 0x0c, /the checksum of the descriptor of group 0 is wrong/],
    ["a block bitmap", (image) => image.readUInt32LE(4096) * 4096 + 5, /the bitmaps of group 0/],
    [
      "the root of a hash tree",
      (image) => dxRootAt(image) + 0x24,
      /^\/many: the checksum of its directory block 0 is wrong/,
    ],
    ["an index behind its entries", (image) => dxRootAt(image) + 2000, /^\/many: its directory block 0 has something/],
    ["the type of a tail", (image) => dxRootAt(image) + 4096 + 4091, /^\/many: the checksum of its directory block 1/],
    ["the padding of a bitmap", (image) => image.readUInt32LE(4096) * 4096 + 4095, /the bitmaps of group 0/],
    ["a reserved inode", inodeAt(7, 8), /the checksum of inode 7 is wrong/],
    ["the journal's inode", inodeAt(8, 4), /the checksum of inode 8 is wrong/],
    ["the journal", (image) => image.indexOf(Buffer.from("c03b3998", "hex")) + 23, /superblock of the journal/],
    ["lost+found", (image) => emptyDirBlock(image) + 5000, /the checksum of its directory block/],
    ["what is behind a superblock", () => 3000, /something between superblock and group descriptors/],
    ["an inode bitmap", (image) => image.readUInt32LE(4096 + 4) * 4096, /the bitmaps of group 0/],
  ])("%s", async (_, find, message) => {
    expect(await flipped(find)).toMatch(message);
  });

  test("an image cut short", () =>
    withFolder(async (folder) => {
      const [image, cut] = [join(folder, "i"), join(folder, "cut")];
      await write(dir(sample()), image);

      writeFileSync(cut, readFileSync(image).subarray(0, 100_000));
      await expect(verifyExt4(seal(dir(sample())), cut, ctx)).rejects.toMatchObject({ code: "verify" });
    }));
});
