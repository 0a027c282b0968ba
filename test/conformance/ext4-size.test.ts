import { rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ext4Imager } from "../../src/imagers/ext4/index.ts";
import { extentsOf, planExt4 } from "../../src/imagers/ext4/layout/plan.ts";
import { verifyExt4 } from "../../src/imagers/ext4/reader/verify.ts";
import type { SealedTree } from "../../src/rootfs/seal.ts";
import { conforms, menagerie } from "../helpers/conforms.ts";
import { quietContext, run, withFolder, withMount } from "../helpers/disk.ts";
import { ext4Options, fsck, withImage } from "../helpers/ext4.ts";
import { dir, file, seal, stored } from "../helpers/inodes.ts";
import { differences } from "../helpers/mounted.ts";
import { describeWith, requireRoot, requireTools } from "../helpers/requirements.ts";

const MIB = 1024 * 1024;

describeWith("ext4 of every size", [requireRoot(), requireTools("e2fsck", "resize2fs", "getfattr")], () => {
  test("contents around the edges of groups, split by backups", () =>
    withFolder(async (folder) => {
      const layer = join(folder, "layer");
      writeFileSync(layer, Buffer.alloc(300 * MIB, "0123456789abcdef!"));
      const tree = seal(
        dir({
          a: stored({ file: layer, offset: 3, size: 100 * MIB }),
          b: stored({ file: layer, offset: 0, size: 299 * MIB }),
          c: stored({ file: layer, offset: 9, size: 50 * MIB }),
        }),
      );
      await conforms(tree, ext4Options());
    }));

  test("a backup in the midst of a file's extents: one more, and so a tree; or none after all", () =>
    withFolder(async (folder) => {
      const layer = join(folder, "layer");
      writeFileSync(layer, "");
      truncateSync(layer, 200 * MIB);
      const options = ext4Options({ journal: false });
      const treeOf = (fillerBlocks: number): SealedTree => {
        const segments = Array.from({ length: 4 }, (_, i) => ({ at: i * 8 * MIB, length: 4 * MIB }));
        const sparse = stored({ file: layer, offset: 0, size: 32 * MIB, segments });
        return seal(dir({ a: stored({ file: layer, offset: 0, size: fillerBlocks * 4096 }), b: sparse }));
      };
      // With this filler the backup stands just where the second run of the file begins.
      const some = 30_000;
      const start = some + 32_768 - 1024 - (extentsOf(planExt4(treeOf(some), options), 3)[0]?.physical ?? 0);
      const trees = new Set<string>();
      for (let filler = start - 3; filler <= start + 3; filler++) {
        const plan = planExt4(treeOf(filler), options);
        trees.add(`${plan.treeBlocks[3]} for ${extentsOf(plan, 3).length}`);
        await withImage(treeOf(filler), options, (image) => verifyExt4(treeOf(filler), image, quietContext()));
      }
      expect([...trees].sort()).toEqual(["0 for 4", "1 for 4", "1 for 5"]);
    }));

  test("resize2fs grows and shrinks it", () =>
    withImage(menagerie(), ext4Options({ headroomBytes: 30 * MIB }), async (image) => {
      for (const size of ["300M", "20M"]) {
        run("resize2fs", [image, size]);
        fsck(image);
      }
      await withMount(image, "ro", async (mounted) => expect(await differences(menagerie(), mounted)).toEqual([]));
    }));

  test.each([-3, -2, -1, 0, 1, 2, 3, 4, 100])("a fixed size of one group and %i blocks", (blocks) =>
    conforms(menagerie(), ext4Options({ sizeBytes: (32_768 + blocks) * 4096 })),
  );

  test.each([2, 3, 4])("a fixed size of %i groups and one block", (groups) =>
    conforms(menagerie(), ext4Options({ sizeBytes: (32_768 * groups + 1) * 4096, journal: groups !== 3 })),
  );

  test.each([127, 128, 1100, 2100])("a headroom of %i MiB is there, in blocks and inodes", async (mib) => {
    const tree = menagerie();
    await withImage(tree, ext4Options({ headroomBytes: mib * MIB }), async (image, facts) => {
      expect(facts.sizeBytes).toBeLessThan(mib * MIB * 1.03 + 70 * MIB);
      await withMount(image, "rw", (mounted) => {
        const [, free, inodes] = /(\d+) (\d+)/.exec(run("stat", ["-f", "-c", "%a %d", mounted])) ?? [];
        expect(Number(free) * 4096).toBeGreaterThanOrEqual(mib * MIB);
        expect(Number(inodes)).toBeGreaterThanOrEqual((mib * MIB) / 16_384);
      });
      fsck(image);
    });
  });

  test("a full disk is an error that names the image", () =>
    withFolder(async (folder) => {
      run("mount", ["-t", "tmpfs", "-o", "size=1m", "fledge-test", folder]);
      try {
        const image = join(folder, "full.img");
        for (const preallocate of [false, true]) {
          const tree = seal(dir({ f: file(Buffer.alloc(3 * MIB, 1)) }));
          const writing = ext4Imager.write(tree, image, ext4Options({ preallocate }), quietContext());
          await expect(writing).rejects.toMatchObject({
            code: "io",
            message: `cannot write ${image}: the disk is full`,
          });
          rmSync(image);
        }
      } finally {
        run("umount", [folder]);
      }
    }));

  test("the backup of the superblock repairs an image that lost its first", () =>
    withImage(menagerie(), ext4Options({ headroomBytes: 200 * MIB }), (image) => {
      run("dd", ["if=/dev/zero", `of=${image}`, "bs=1024", "seek=1", "count=1", "conv=notrunc", "status=none"]);
      const script = 'e2fsck -fy -b 32768 -B 4096 "$1" >/dev/null; test $? -le 1; e2fsck -fn "$1"';
      run("sh", ["-c", script, "sh", image]);
    }));
});
