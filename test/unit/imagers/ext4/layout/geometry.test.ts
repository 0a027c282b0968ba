import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  backupGroups,
  blockOf,
  fitGeometry,
  fixedGeometry,
  type Geometry,
  runsOf,
} from "../../../../../src/imagers/ext4/layout/geometry.ts";

test("backups are in group 1 and the powers of 3, 5 and 7", () => {
  expect(backupGroups(1)).toEqual([]);
  expect(backupGroups(2)).toEqual([1]);
  expect(backupGroups(60)).toEqual([1, 3, 5, 7, 9, 25, 27, 49]);
});

/** Every block of the image and what it is; throws where two things claim one. */
function claims(geometry: Geometry, slots: number): Uint8Array {
  const map = new Uint8Array(geometry.totalBlocks);
  const claim = (start: number, length: number): void => {
    for (let block = start; block < start + length; block++) {
      if (block >= map.length) throw new Error(`block ${block} is past the end`);
      if (map[block] !== 0) throw new Error(`block ${block} is claimed twice`);
      map[block] = 1;
    }
  };
  claim(0, 1 + geometry.descriptorBlocks);
  for (const backup of geometry.backups) claim(backup.start, backup.length);
  for (let group = 0; group < geometry.groupCount; group++) {
    claim(geometry.blockBitmaps[group] as number, 1);
    claim(geometry.inodeBitmaps[group] as number, 1);
    claim(geometry.inodeTables[group] as number, geometry.tableBlocks);
  }
  for (const run of runsOf(geometry, 0, slots)) claim(run.start, run.length);
  return map;
}

const demands = fc.record({
  slots: fc.oneof(fc.nat(1000), fc.nat(200_000), fc.integer({ min: 32_000, max: 33_500 })),
  inodes: fc.oneof(fc.integer({ min: 11, max: 1000 }), fc.integer({ min: 11, max: 200_000 })),
  freeBlocks: fc.oneof(fc.constant(0), fc.nat(100_000)),
});

describe("fit", () => {
  test("nothing overlaps, all is inside, and what was asked for is there", () => {
    fc.assert(
      fc.property(demands, (demand) => {
        const geometry = fitGeometry(demand);
        const used = claims(geometry, demand.slots).reduce((total, claimed) => total + claimed, 0);
        expect(geometry.totalBlocks - used).toBeGreaterThanOrEqual(demand.freeBlocks);
        expect(geometry.inodesPerGroup * geometry.groupCount).toBeGreaterThanOrEqual(demand.inodes);
        expect(geometry.inodesPerGroup).toBeLessThanOrEqual(32_768);
        expect(geometry.blocksPerGroup % 8).toBe(0);
        expect(Math.ceil(geometry.totalBlocks / geometry.blocksPerGroup)).toBe(geometry.groupCount);
        const waste = geometry.totalBlocks - used - demand.freeBlocks;
        // A table that steps over a backup leaves a gap, which only counts where nothing was to be free.
        const gaps = Math.max(2, geometry.backups.length) * geometry.tableBlocks;
        expect(waste).toBeLessThan(64 + 0.02 * geometry.totalBlocks + gaps);
      }),
      { numRuns: 150 },
    );
  });

  test("many inodes and few blocks make small groups", () => {
    const geometry = fitGeometry({ slots: 100, inodes: 200_000, freeBlocks: 0 });
    expect(geometry.groupCount).toBe(7);
    expect(geometry.blocksPerGroup).toBeLessThan(2200);
  });
});

test("however much is to be free, the first guess is nearly right", () => {
  for (const tebibytes of [0.25, 1, 2, 15]) {
    const freeBlocks = tebibytes * 2 ** 28;
    const demand = { slots: 1000, inodes: freeBlocks / 4, freeBlocks };
    const geometry = fitGeometry(demand);
    expect(geometry.totalBlocks).toBeGreaterThan(freeBlocks);
    // What is not free is metadata alone: less than two parts of a hundred.
    expect(geometry.totalBlocks / freeBlocks).toBeLessThan(1.02);
    const fewer = fixedGeometry(demand, (geometry.groupCount - 1) * 32_768);
    expect(fewer).toBeUndefined();
  }
}, 20_000);

describe("a fixed size", () => {
  test("is kept, but for a last group too small for its own backup", () => {
    const demand = { slots: 100, inodes: 300, freeBlocks: 0 };
    expect(fixedGeometry(demand, 32_768)?.totalBlocks).toBe(32_768);
    expect(fixedGeometry(demand, 32_769)?.totalBlocks).toBe(32_768);
    expect(fixedGeometry(demand, 32_770)?.totalBlocks).toBe(32_768);
    expect(fixedGeometry(demand, 32_771)?.totalBlocks).toBe(32_771);
    expect(fixedGeometry(demand, 65_537)?.totalBlocks).toBe(65_537);
  });

  test("is undefined where the demand does not fit", () => {
    expect(fixedGeometry({ slots: 1000, inodes: 300, freeBlocks: 0 }, 1000)).toBeUndefined();
    expect(fixedGeometry({ slots: 0, inodes: 300, freeBlocks: 1000 }, 1000)).toBeUndefined();
  });

  test("overlaps nothing either", () => {
    fc.assert(
      fc.property(demands, fc.integer({ min: 1, max: 300_000 }), (demand, total) => {
        const geometry = fixedGeometry(demand, total);
        if (!geometry) return;
        claims(geometry, demand.slots);
        expect(geometry.totalBlocks).toBeLessThanOrEqual(total);
      }),
      { numRuns: 100 },
    );
  });
});

test("slots step over the backups", () => {
  const geometry = fitGeometry({ slots: 100_000, inodes: 300, freeBlocks: 0 });
  const runs = runsOf(geometry, 0, 100_000);
  expect(runs).toHaveLength(3);
  const slotsBefore = (runs[0] as { length: number }).length;
  expect(blockOf(geometry, slotsBefore - 1)).toBe(32_767);
  expect(blockOf(geometry, slotsBefore)).toBe(32_768 + 1 + geometry.descriptorBlocks);
});
