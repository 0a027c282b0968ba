import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { verifyExt4 } from "../../src/imagers/ext4/reader/verify.ts";
import type { Inode } from "../../src/rootfs/node.ts";
import { conforms, menagerie } from "../helpers/conforms.ts";
import { quietContext, run, withFolder, withMount } from "../helpers/disk.ts";
import { ext4Options, fsck, withImage } from "../helpers/ext4.ts";
import { device, dir, file, seal, stored, symlink } from "../helpers/inodes.ts";
import { differences } from "../helpers/mounted.ts";
import { randomTree } from "../helpers/random-tree.ts";
import { describeWith, requireRoot, requireTools } from "../helpers/requirements.ts";

const MIB = 1024 * 1024;

describeWith(
  "ext4 as e2fsck and the kernel see it",
  [requireRoot(), requireTools("e2fsck", "debugfs", "getfattr")],
  () => {
    test("an empty tree", () => conforms(seal(dir())));
    test("an empty tree without a journal", () => conforms(seal(dir()), ext4Options({ journal: false })));
    test("an empty tree without headroom", () =>
      withImage(seal(dir()), ext4Options({ headroomBytes: 0 }), (image) => fsck(image)));
    test("one of everything", () => conforms(menagerie()));
    test("preallocated", () =>
      withImage(menagerie(), ext4Options({ preallocate: true }), (image, facts) => {
        expect(statSync(image).blocks * 512).toBeGreaterThanOrEqual(facts.sizeBytes);
      }));

    test("times before 1970, past 2038 and to the nanosecond", () => {
      const times = [
        { sec: -(2 ** 31), nsec: 0 },
        { sec: -1, nsec: 999_999_999 },
        { sec: 0, nsec: 1 },
        { sec: 2 ** 31 - 1, nsec: 123_456_789 },
        { sec: 2 ** 31, nsec: 0 },
        { sec: 2 ** 32 + 5, nsec: 7 },
        { sec: 2 ** 34 - 2 ** 31 - 1, nsec: 0 },
      ];
      return conforms(
        seal(
          dir(times.map((mtime, i): [string, Inode] => [`t${i}`, i % 2 ? dir({}, { mtime }) : file("", { mtime })])),
        ),
      );
    });

    test("extended attributes: in the inode, in a block, in both, empty, binary, ACLs", () => {
      const acl = (entries: readonly (readonly [tag: number, perm: number, id: number])[]): Buffer => {
        const out = Buffer.alloc(4 + entries.length * 8);
        out.writeUInt32LE(2, 0);
        entries.forEach(([tag, perm, id], i) => {
          out.writeUInt16LE(tag, 4 + i * 8);
          out.writeUInt16LE(perm, 6 + i * 8);
          out.writeUInt32LE(id, 8 + i * 8);
        });
        return out;
      };
      const none = 0xffffffff;
      const access = acl([
        [1, 6, none],
        [2, 7, 1000],
        [2, 4, 70_000],
        [4, 4, none],
        [8, 5, 2000],
        [0x10, 7, none],
        [0x20, 4, none],
      ]);
      const capability = Buffer.from("0100000200040000000000000000000000000000", "hex");
      const xattrs = (names: Record<string, Uint8Array>) => ({ xattrs: new Map(Object.entries(names)) });
      return conforms(
        seal(
          dir(
            {
              cap: file("x", xattrs({ "security.capability": capability })),
              empty: file("x", xattrs({ "user.nothing": Buffer.alloc(0) })),
              binary: file("x", xattrs({ "user.b": Buffer.from([0, 255, 128, 10, 0]) })),
              large: file("x", xattrs({ "user.large": Buffer.alloc(3900, 0xa5) })),
              many: file(
                "x",
                xattrs(
                  Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`user.n${i}`, Buffer.from(`value ${i}`)])),
                ),
              ),
              both: file(
                "x",
                xattrs({
                  "security.capability": capability,
                  "user.long": Buffer.alloc(500, 1),
                  "trusted.t": Buffer.from("t"),
                }),
              ),
              acl: file("x", { mode: 0o674, ...xattrs({ "system.posix_acl_access": access }) }),
              aclDir: dir({}, { mode: 0o775, ...xattrs({ "system.posix_acl_default": access }) }),
              link: symlink("cap", xattrs({ "trusted.on.link": Buffer.alloc(200, 3) })),
              longLink: symlink("l".repeat(200), xattrs({ "trusted.on.link": Buffer.alloc(200, 3) })),
              dev: device("char", 300, 300, xattrs({ "trusted.on.device": Buffer.alloc(300, 4) })),
            },
            xattrs({ "user.root": Buffer.from("root") }),
          ),
        ),
      );
    });

    test("hard links across folders are one inode", () => {
      const shared = file("shared");
      const folder = dir({ x: shared, y: shared });
      return conforms(
        seal(dir({ a: folder, z: shared, b: dir({ c: dir({ d: shared }) }), dev: device("char", 1, 7) })),
      );
    });

    test.each(["dir", "file"])("a lost+found of its own: a %s", (type) =>
      conforms(seal(dir({ "lost+found": type === "dir" ? dir({ kept: file("x") }, { mode: 0o750 }) : file("x") }))),
    );

    test("names of every length from 1 to 255", () =>
      conforms(seal(dir(Array.from({ length: 255 }, (_, i): [string, Inode] => ["n".repeat(i + 1), file(`${i}`)])))));

    // 4084 bytes of entries fill one block: the last that stays linear, and the first that does not.
    test.each([202, 203, 204])("a folder of %i names, about as many as one block holds", (count) =>
      conforms(seal(dir({ d: dir(numbered(count, (i) => `${i}`.padStart(9, "0"))) }))),
    );

    test("a hash tree of one level", async () => {
      const tree = seal(dir({ d: dir(numbered(5000, (i) => `entry number ${i}`)) }));
      await conforms(tree);
      await withImage(tree, ext4Options(), (image) => {
        expect(run("debugfs", ["-R", "htree /d", image])).toMatch(/Indirect levels: 0/);
      });
    });

    test("a hash tree of two levels, in which every name is found", async () => {
      const tree = seal(dir({ d: dir(numbered(15_000, (i) => `${i}`.padEnd(200, "-"))) }));
      await conforms(tree);
      await withImage(tree, ext4Options(), (image) => {
        expect(run("debugfs", ["-R", "htree /d", image])).toMatch(/Indirect levels: 1/);
      });
    });

    test("more subfolders than a link count counts", async () => {
      const folders = Array.from({ length: 65_001 }, (_, i): [string, Inode] => [`${i}`, dir()]);
      const tree = seal(dir({ d: dir(folders) }));
      await withImage(tree, ext4Options(), async (image) => {
        await verifyExt4(tree, image, quietContext());
        await withMount(image, "rw", (mounted) => {
          expect(statSync(join(mounted, "d")).nlink).toBe(1);
          run("mkdir", [join(mounted, "d", "one more")]);
          expect(statSync(join(mounted, "d", "64999")).isDirectory()).toBe(true);
        });
        fsck(image);
      });
    });

    test("more inodes than blocks: small groups instead of free space", async () => {
      const tree = seal(
        dir({ d: dir(Array.from({ length: 70_000 }, (_, i): [string, Inode] => [`${i}`, symlink("x")])) }),
      );
      await withImage(tree, ext4Options(), async (image, facts) => {
        expect(facts.sizeBytes).toBeLessThan(40 * MIB);
        await verifyExt4(tree, image, quietContext());
        await withMount(image, "rw", (mounted) =>
          run("sh", ["-ec", 'cd "$1"; mkdir n; for i in $(seq 100); do echo >n/$i; done', "sh", mounted]),
        );
        fsck(image);
      });
    });

    test("sparse files: tiny, past 8 GiB, with many extents, all hole", () =>
      withFolder(async (folder) => {
        const layer = join(folder, "layer");
        writeFileSync(layer, Buffer.from(Array.from({ length: 6 * MIB }, (_, i) => (i * 7 + (i >> 12)) & 0xff)));
        const scattered = (count: number, length: number, stride: number) =>
          Array.from({ length: count }, (_, i) => ({ at: i * stride, length }));
        const root = dir({
          hole: stored({ file: layer, offset: 0, size: 5 * MIB, segments: [] }),
          unaligned: stored({
            file: layer,
            offset: 100,
            size: 100_001,
            segments: [
              { at: 5000, length: 10 },
              { at: 9000, length: 20 },
              { at: 99_990, length: 11 },
            ],
          }),
          five: stored({ file: layer, offset: 0, size: 200_000, segments: scattered(5, 4096, 40_960) }),
          many: stored({ file: layer, offset: 512, size: 20 * MIB, segments: scattered(1000, 4096, 16_384) }),
          huge: stored({
            file: layer,
            offset: 0,
            size: 9 * 1024 * MIB,
            segments: [
              { at: 0, length: 10 },
              { at: 5 * 1024 * MIB + 3, length: 5000 },
              { at: 9 * 1024 * MIB - 1, length: 1 },
            ],
          }),
          inline: file(Buffer.concat([Buffer.alloc(8192), Buffer.from("data"), Buffer.alloc(20_000)])),
          zeros: file(Buffer.alloc(40_000)),
        });
        const tree = seal(root);
        await withImage(tree, ext4Options(), async (image, facts) => {
          expect(facts.sizeBytes).toBeLessThan(20 * MIB);
          await verifyExt4(tree, image, quietContext());
          expect(run("debugfs", ["-R", "ex /many", image])).toMatch(/1\/ ?1/);
          await withMount(image, "ro", async (mounted) => {
            const { children } = root;
            const small = seal(dir([...children].filter(([name]) => name !== "huge")));
            expect((await differences(small, mounted)).filter((line) => !line.includes("names is"))).toEqual([]);
            const huge = join(mounted, "huge");
            expect(statSync(huge).blocks * 512).toBe(4 * 4096);
            const bytes = run("sh", [
              "-c",
              'tail -c 1 "$1"/huge | od -An -tu1; dd if="$1"/huge bs=1 skip=5368709123 count=3 2>/dev/null | od -An -tu1',
              "sh",
              mounted,
            ]);
            const layerBytes = readFileSync(layer);
            expect(bytes.split(/\s+/).filter(Boolean).map(Number)).toEqual([
              layerBytes[5010],
              ...layerBytes.subarray(10, 13),
            ]);
          });
        });
      }));

    test("several levels of extent blocks", () =>
      withFolder(async (folder) => {
        const layer = join(folder, "layer");
        writeFileSync(layer, Buffer.alloc(3000 * 4096, 0x5a));
        const segments = Array.from({ length: 3000 }, (_, i) => ({ at: i * 8192, length: 4096 }));
        await conforms(seal(dir({ many: stored({ file: layer, offset: 0, size: 3000 * 8192, segments }) })));
      }));

    test("a hash tree whose leaves are full takes thousands of names more", () =>
      withImage(
        seal(dir({ d: dir(numbered(3000, (i) => `entry number ${i}`)) })),
        ext4Options({ headroomBytes: 64 * MIB }),
        async (image) => {
          await withMount(image, "rw", (mounted) => {
            const script =
              'cd "$1/d"; seq -f "new name %.0f" 3000 | tr "\\n" "\\0" | xargs -0 touch; rm "entry number "*5; ls | wc -l';
            expect(run("sh", ["-ec", script, "sh", mounted]).trim()).toBe("5700");
          });
          fsck(image);
        },
      ));

    test("random trees", () =>
      fc.assert(
        fc.asyncProperty(randomTree, (root) => conforms(seal(root))),
        { numRuns: 12 },
      ));

    test("debugfs reads the same contents, targets and attributes", () =>
      withImage(menagerie(), ext4Options(), (image) => {
        const debugfs = (request: string): string => run("debugfs", ["-R", request, image]);
        expect(debugfs("cat /bin/tool")).toBe("#!/bin/sh\n");
        expect(debugfs('cat "/a block and a byte"')).toBe("\x02".repeat(4097));
        expect(debugfs('stat "/slow link"')).toMatch(/Type: symlink.*Size: 60/s);
        expect(debugfs('stat "/fast link"')).toMatch(/Fast link dest: "t{59}"/);
        expect(debugfs("stat /bin/tool")).toMatch(/User: 70000 +Group: (4000000000|-294967296)/);
        expect(debugfs("stat /largest")).toMatch(/Device major\/minor number: 4095:1048575/);
        expect(debugfs("stat /shared")).toMatch(/Links: 2/);
        expect(debugfs("show_super_stats -h")).toMatch(/Filesystem state: +clean/);
      }));
  },
);

function numbered(count: number, nameOf: (i: number) => string): [string, Inode][] {
  return Array.from({ length: count }, (_, i) => [nameOf(i), file(i % 10 === 0 ? `content ${i}` : "")]);
}
