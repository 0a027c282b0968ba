import { describe, expect, test } from "vitest";
import {
  appendRun,
  BLOCK_ENTRIES,
  buildTree,
  type Extent,
  encodeRoot,
  treeBlockCount,
} from "../../../../../src/imagers/ext4/structures/extent.ts";

describe("runs", () => {
  test("one that continues the last extent grows it", () => {
    const extents: Extent[] = [];
    appendRun(extents, { logical: 0, physical: 100, length: 5 });
    appendRun(extents, { logical: 5, physical: 105, length: 3 });
    expect(extents).toEqual([{ logical: 0, physical: 100, length: 8 }]);
  });

  test("one elsewhere, in the file or in the image, is another extent", () => {
    const extents: Extent[] = [];
    appendRun(extents, { logical: 0, physical: 100, length: 5 });
    appendRun(extents, { logical: 5, physical: 200, length: 5 });
    appendRun(extents, { logical: 20, physical: 205, length: 5 });
    expect(extents).toHaveLength(3);
  });

  test.each([
    [32_768, 1],
    [32_769, 2],
    [100_000, 4],
  ])("%d blocks in a row are %d extents", (length, count) => {
    const extents: Extent[] = [];
    appendRun(extents, { logical: 7, physical: 9, length });
    expect(extents).toHaveLength(count);
    expect(extents.reduce((total, extent) => total + extent.length, 0)).toBe(length);
    expect(Math.max(...extents.map((extent) => extent.length))).toBeLessThanOrEqual(32_768);
  });

  test("what does not fit the last extent goes on behind it", () => {
    const extents: Extent[] = [];
    appendRun(extents, { logical: 0, physical: 1000, length: 32_760 });
    appendRun(extents, { logical: 32_760, physical: 33_760, length: 20 });
    expect(extents).toEqual([
      { logical: 0, physical: 1000, length: 32_768 },
      { logical: 32_768, physical: 33_768, length: 12 },
    ]);
  });
});

describe("trees", () => {
  test.each([
    [0, 0],
    [4, 0],
    [5, 1],
    [BLOCK_ENTRIES, 1],
    [BLOCK_ENTRIES + 1, 2],
    [4 * BLOCK_ENTRIES, 4],
    [4 * BLOCK_ENTRIES + 1, 5 + 1],
    [4 * BLOCK_ENTRIES ** 2 + 1, 4 * BLOCK_ENTRIES + 1 + 5 + 1],
  ])("%d extents take %d blocks", (extents, blocks) => {
    expect(treeBlockCount(extents)).toBe(blocks);
  });

  test.each([3, 5, 341, 2000])("%d extents are all reached, in order", (count) => {
    const extents = Array.from({ length: count }, (_, i) => ({ logical: i * 2, physical: 10_000 + i, length: 1 }));
    const addresses = Array.from({ length: treeBlockCount(count) }, (_, i) => 500 + i);
    const tree = buildTree(extents, addresses);
    expect(tree.blocks).toHaveLength(addresses.length);
    const reach = (node: { depth: number; entries: readonly Extent[] }): Extent[] =>
      node.depth === 0
        ? [...node.entries]
        : node.entries.flatMap((entry) => {
            const child = tree.blocks[entry.physical - 500];
            if (!child || child.depth !== node.depth - 1) throw new Error("not a child");
            expect(child.entries[0]?.logical).toBe(entry.logical);
            return reach(child);
          });
    expect(reach(tree.root)).toEqual(extents);
    expect(tree.root.entries.length).toBeLessThanOrEqual(4);
  });

  test("the root of an empty file is a header alone", () => {
    const iBlock = Buffer.alloc(60);
    encodeRoot(iBlock, buildTree([], []).root);
    expect(iBlock.toString("hex")).toBe("0af3000004000000".padEnd(120, "0"));
  });
});
