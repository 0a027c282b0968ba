import { describe, expect, test } from "vitest";
import { DIR_ROOM, recordLength } from "../../../../../src/imagers/ext4/structures/directory.ts";
import { dirHash, type HashSeed } from "../../../../../src/imagers/ext4/structures/dirhash.ts";
import {
  htreeBlockCount,
  NODE_LIMIT,
  planHtree,
  ROOT_LIMIT,
} from "../../../../../src/imagers/ext4/structures/htree.ts";
import type { ByteString } from "../../../../../src/lib/bytes.ts";

const SEED: HashSeed = [1, 2, 3, 4];
const names = (count: number, length: number): ByteString[] =>
  Array.from({ length: count }, (_, i) => `${i}`.padStart(length, "0") as ByteString);

test("the limits are those of e2fsck -D with checksums", () => {
  expect([ROOT_LIMIT, NODE_LIMIT]).toEqual([507, 510]);
});

describe("a plan", () => {
  test.each([
    [1000, 10],
    [3000, 255],
    [20_000, 100],
  ])("of %d names of %d bytes holds each once, by hash, in leaves that fit", (count, length) => {
    const all = names(count, length);
    const plan = planHtree(all, SEED, "/d");
    const hashes = Array.from(plan.order, (entry) => dirHash(all[entry] as ByteString, SEED));
    expect(new Set(plan.order).size).toBe(count);
    expect(hashes).toEqual([...hashes].sort((a, b) => a - b));
    plan.leafHash.forEach((hash, leaf) => {
      const [start, end] = [plan.leafStart[leaf] as number, plan.leafStart[leaf + 1] as number];
      const bytes = Array.from(plan.order.subarray(start, end), (e) => recordLength((all[e] as ByteString).length));
      expect(bytes.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(DIR_ROOM);
      expect(hash & ~1).toBe((hashes[start] as number) & ~1);
      expect(hash & 1).toBe(start > 0 && hashes[start - 1] === hashes[start] ? 1 : 0);
    });
  });

  test("has a second level as soon as the root is full", () => {
    const perLeaf = Math.floor(DIR_ROOM / recordLength(255));
    const one = planHtree(names(perLeaf * ROOT_LIMIT, 255), SEED, "/d");
    const two = planHtree(names(perLeaf * ROOT_LIMIT + 1, 255), SEED, "/d");
    expect([one.nodeCount, htreeBlockCount(one)]).toEqual([0, 1 + ROOT_LIMIT]);
    expect([two.nodeCount, htreeBlockCount(two)]).toEqual([1, 1 + 1 + ROOT_LIMIT + 1]);
  });
});
