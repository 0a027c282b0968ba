import { closeSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ext4Imager } from "../../../../../src/imagers/ext4/index.ts";
import { type Ext4Plan, journalExtentsOf, planExt4 } from "../../../../../src/imagers/ext4/layout/plan.ts";
import { verifyExt4 } from "../../../../../src/imagers/ext4/reader/verify.ts";
import { isFledgeError } from "../../../../../src/lib/errors.ts";
import type { Inode } from "../../../../../src/rootfs/node.ts";
import { quietContext, withFolder } from "../../../../helpers/disk.ts";
import { ext4Options } from "../../../../helpers/ext4.ts";
import { device, dir, file, seal, stored, symlink, xattrsOf } from "../../../../helpers/inodes.ts";

const ctx = quietContext();

/** Inodes that use every structure of the format. */
function sample(): Record<string, Inode> {
  return {
    big: file(Buffer.alloc(20_000, "x")),
    attributes: file("x", { xattrs: xattrsOf([["user.block", Buffer.alloc(500, 2)]]) }),
    device: device("char", 300, 70_000),
    long: symlink("long ".repeat(20)),
    many: dir(Array.from({ length: 400 }, (_, i): [string, Inode] => [`name number ${i}`, file()])),
  };
}

/** Of the blocks that are taken, those whose every byte means something, by the plan; of inode tables the used part. */
function liveRanges(plan: Ext4Plan): { readonly at: number; readonly length: number }[] {
  const { geometry } = plan;
  const dead = new Set<number>();
  const take = (start: number, count: number): void => {
    for (let block = start; block < start + count; block++) dead.add(block);
  };
  for (const { start, length } of plan.free) take(start, length);
  // The journal is empty: behind its superblock nothing is read.
  for (const { physical, length, logical } of journalExtentsOf(plan)) {
    take(physical + (logical === 0 ? 1 : 0), length - (logical === 0 ? 1 : 0));
  }
  for (const table of geometry.inodeTables) take(table, geometry.tableBlocks);
  const ranges = [{ at: (geometry.inodeTables[0] as number) * 4096, length: plan.usedInodes * 256 }];
  for (let block = 0; block < geometry.totalBlocks; block++) {
    if (!dead.has(block)) ranges.push({ at: block * 4096, length: 4096 });
  }
  return ranges;
}

test(
  "of 500 random flips in live metadata and data none goes unseen",
  () =>
    withFolder(async (folder) => {
      const image = join(folder, "i");
      const segments = Array.from({ length: 400 }, (_, i) => ({ at: i * 8192, length: 4096 }));
      writeFileSync(join(folder, "layer"), Buffer.alloc(400 * 4096, "data"));
      const holey = stored({ file: join(folder, "layer"), offset: 0, size: 400 * 8192, segments });
      const tree = seal(dir({ ...sample(), holey }));
      const options = ext4Options({ sizeBytes: 140 * 2 ** 20 });
      await ext4Imager.write(tree, image, options, ctx);
      const plan = planExt4(tree, options);
      expect(plan.geometry.backups).toHaveLength(1);
      const ranges = liveRanges(plan);
      let state = 1;
      const random = (below: number): number => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        return Math.floor((state / 2 ** 32) * below);
      };
      const unseen: number[] = [];
      const fd = openSync(image, "r+");
      const started = performance.now();
      // On a machine that is busy with other things fewer must do.
      for (let i = 0; i < 500 && (i < 60 || performance.now() - started < 60_000); i++) {
        const range = ranges[random(ranges.length)] as { at: number; length: number };
        const at = range.at + random(range.length);
        const byte = Buffer.alloc(1);
        readSync(fd, byte, 0, 1, at);
        writeSync(fd, Buffer.from([(byte[0] as number) ^ (1 << random(8))]), 0, 1, at);
        const found = await verifyExt4(tree, image, ctx).catch((error: unknown) => isFledgeError(error) && error.code);
        if (found !== "verify") unseen.push(at);
        writeSync(fd, byte, 0, 1, at);
      }
      closeSync(fd);
      expect(unseen).toEqual([]);
      await verifyExt4(tree, image, ctx);
    }),
  180_000,
);

test(
  "a node of the second level of a hash tree",
  () =>
    withFolder(async (folder) => {
      const image = join(folder, "i");
      // 15 names of this length to a block, and 508 blocks to the root.
      const names = Array.from({ length: 9000 }, (_, i): [string, Inode] => [`${i}`.padStart(255, "n"), symlink("t")]);
      const tree = seal(dir({ folder: dir(names) }));
      await ext4Imager.write(tree, image, ext4Options(), ctx);
      await verifyExt4(tree, image, ctx);
      const bytes = readFileSync(image);
      // The entry that covers the node, and the limit of what follows.
      const node = bytes.indexOf(Buffer.from([0, 0, 0, 0, 0, 16, 0, 0, 0xfe, 1]));
      bytes[node + 100] = (bytes[node + 100] as number) ^ 1;
      writeFileSync(image, bytes);
      await expect(verifyExt4(tree, image, ctx)).rejects.toMatchObject({
        message: expect.stringMatching(/^\/folder: the checksum of its directory block 1 is wrong/),
      });
    }),
  60_000,
);
