import type { SealedTree } from "../../../rootfs/seal.ts";
import { type BlockRun, blockRunsOf } from "../../holes.ts";
import { identify } from "../../identity.ts";
import type { ResolvedExt4Options } from "../options.ts";
import { BLOCK_BYTES, FIRST_INODE } from "../structures/constants.ts";
import { crc32c } from "../structures/crc32c.ts";
import type { HashSeed } from "../structures/dirhash.ts";
import { appendRun, type Extent, treeBlockCount } from "../structures/extent.ts";
import { journalBlocksFor } from "../structures/journal.ts";
import { blockOf, type Geometry, type Run, runsOf } from "./geometry.ts";
import { type Measures, measure } from "./measure.ts";
import { inodeNumberOf, makeRoster, type Roster } from "./roster.ts";
import { chooseGeometry, imageBytesOf } from "./size.ts";

/**
 * The whole image but for the contents of its files: made from the tree alone, pure, and complete before the first byte
 * is written. Arrays go by position in the roster.
 *
 * The space behind the inode tables is one row of slots: the journal, then per inode its attribute block, the blocks of
 * its extent tree and, of directories and long symlinks, the contents; last the data of all files. Only a slot's number
 * is kept, so that an inode costs some bytes here however its extents look.
 */
export type Ext4Plan = {
  readonly roster: Roster;
  readonly geometry: Geometry;
  readonly measures: Measures;
  readonly imageBytes: number;
  readonly label: string;
  readonly uuid: Buffer;
  readonly hashSeed: HashSeed;
  /** crc32c over the UUID; all checksums but the superblock's begin with it. */
  readonly seed: number;
  readonly journalBlocks: number;
  /** Blocks of the extent tree. */
  readonly treeBlocks: Uint32Array;
  readonly metadataSlot: Float64Array;
  readonly contentSlot: Float64Array;
  /** Inode number of the folder a directory is in. */
  readonly parents: Uint32Array;
  readonly free: readonly Run[];
  readonly usedInodes: number;
};

/** Plans the image. Throws an `image` error for what ext4 cannot hold, and for a fixed size that is too small. */
export function planExt4(tree: SealedTree, options: ResolvedExt4Options): Ext4Plan {
  const roster = makeRoster(tree);
  const { uuid, hashSeed } = identify(tree, options);
  const measures = measure(tree, roster, hashSeed);
  const placed = placeAll(roster, measures, options);
  return {
    ...placed,
    roster,
    measures,
    imageBytes: imageBytesOf(placed.geometry, options),
    label: options.label,
    uuid,
    hashSeed,
    seed: crc32c(0xffffffff, uuid),
    parents: parentsOf(roster),
    usedInodes: FIRST_INODE - 1 + roster.inodes.length - 1,
  };
}

type Layout = Pick<Ext4Plan, "roster" | "measures" | "geometry" | "contentSlot">;

/** The extents of an inode's contents. */
export function extentsOf(plan: Layout, position: number): Extent[] {
  const extents: Extent[] = [];
  let slot = plan.contentSlot[position] as number;
  for (const { logical, count } of contentRunsOf(plan, position)) {
    let at = logical;
    for (const run of runsOf(plan.geometry, slot, count)) {
      appendRun(extents, { logical: at, physical: run.start, length: run.length });
      at += run.length;
    }
    slot += count;
  }
  return extents;
}

/** The block an inode's attributes lie at, or 0. */
export function xattrBlockOf(plan: Ext4Plan, position: number): number {
  if (plan.measures.xattrBlocks[position] === 0) return 0;
  return blockOf(plan.geometry, plan.metadataSlot[position] as number);
}

/** The blocks that the nodes of an inode's extent tree lie at. */
export function treeAddressesOf(plan: Ext4Plan, position: number, count: number): number[] {
  if (count === 0) return [];
  const first = (plan.metadataSlot[position] as number) + (plan.measures.xattrBlocks[position] as number);
  return Array.from({ length: count }, (_, i) => blockOf(plan.geometry, first + i));
}

export function journalExtentsOf(plan: Ext4Plan): Extent[] {
  const extents: Extent[] = [];
  let logical = 0;
  for (const run of runsOf(plan.geometry, 0, plan.journalBlocks)) {
    appendRun(extents, { logical, physical: run.start, length: run.length });
    logical += run.length;
  }
  return extents;
}

type Placed = Pick<Ext4Plan, "geometry" | "journalBlocks" | "treeBlocks" | "metadataSlot" | "contentSlot" | "free">;

/**
 * A backup of the superblock within a file splits an extent and may so cost the tree a block, which moves what lies
 * behind: settled by trying again with the larger trees. What a tree then does not need after all is free.
 */
function placeAll(roster: Roster, measures: Measures, options: ResolvedExt4Options): Placed {
  const treeBlocks = measures.extents.map(treeBlockCount);
  const usedInodes = FIRST_INODE - 1 + roster.inodes.length - 1;
  for (;;) {
    const contentSlots = sum(measures.contentBlocks) + sum(measures.xattrBlocks) + sum(treeBlocks);
    const journalBlocks = options.journal ? journalBlocksFor(approximateBlocks(contentSlots, options)) : 0;
    const slots = journalBlocks + contentSlots;
    const geometry = chooseGeometry({ slots, inodes: usedInodes }, options);
    const { metadataSlot, contentSlot } = assignSlots(roster, measures, { treeBlocks, firstSlot: journalBlocks });
    const layout: Layout = { roster, measures, geometry, contentSlot };
    const spare: Run[] = [];
    let grown = false;
    if (geometry.pieces.length > 1) {
      for (let position = 0; position < treeBlocks.length; position++) {
        if ((measures.contentBlocks[position] as number) < 2) continue;
        const needed = treeBlockCount(extentsOf(layout, position).length);
        const reserved = treeBlocks[position] as number;
        if (needed > reserved) {
          treeBlocks[position] = needed;
          grown = true;
        } else if (needed < reserved) {
          const first = (metadataSlot[position] as number) + (measures.xattrBlocks[position] as number) + needed;
          spare.push(...runsOf(geometry, first, reserved - needed));
        }
      }
    }
    if (grown) continue;
    const free = [...geometry.gaps, ...spare, ...freeTail(geometry, slots)];
    return { geometry, journalBlocks, treeBlocks, metadataSlot, contentSlot, free };
  }
}

function assignSlots(
  roster: Roster,
  measures: Measures,
  { treeBlocks, firstSlot }: { readonly treeBlocks: Uint32Array; readonly firstSlot: number },
): Pick<Ext4Plan, "metadataSlot" | "contentSlot"> {
  const metadataSlot = new Float64Array(roster.inodes.length);
  const contentSlot = new Float64Array(roster.inodes.length);
  let slot = firstSlot;
  roster.inodes.forEach(({ node }, position) => {
    metadataSlot[position] = slot;
    slot += (measures.xattrBlocks[position] as number) + (treeBlocks[position] as number);
    if (node.type === "file") return;
    contentSlot[position] = slot;
    slot += measures.contentBlocks[position] as number;
  });
  roster.inodes.forEach(({ node }, position) => {
    if (node.type !== "file") return;
    contentSlot[position] = slot;
    slot += measures.contentBlocks[position] as number;
  });
  return { metadataSlot, contentSlot };
}

function contentRunsOf({ roster, measures }: Layout, position: number): readonly BlockRun[] {
  const node = roster.inodes[position]?.node;
  if (node?.type === "file") return blockRunsOf(node);
  const count = measures.contentBlocks[position] as number;
  return count === 0 ? [] : [{ logical: 0, count }];
}

/** What is left of the pieces behind the last slot. */
function freeTail(geometry: Geometry, slots: number): Run[] {
  const free: Run[] = [];
  let skip = slots;
  for (const piece of geometry.pieces) {
    const end = Math.min(piece.start + piece.length, geometry.totalBlocks);
    const start = Math.min(piece.start + skip, end);
    skip = Math.max(0, skip - piece.length);
    if (start < end) free.push({ start, length: end - start });
  }
  return free;
}

/** Good enough to choose a journal: its size is none of its own causes then. */
function approximateBlocks(contentSlots: number, options: ResolvedExt4Options): number {
  return options.sizeBytes === undefined
    ? contentSlots + Math.ceil(options.headroomBytes / BLOCK_BYTES)
    : Math.ceil(options.sizeBytes / BLOCK_BYTES);
}

function parentsOf(roster: Roster): Uint32Array {
  const parents = new Uint32Array(roster.inodes.length);
  parents[0] = inodeNumberOf(0);
  roster.inodes.forEach((inode, position) => {
    for (const { inode: child } of inode.entries) {
      if (child.node.type === "dir") parents[roster.positionOf(child)] = inodeNumberOf(position);
    }
  });
  return parents;
}

function sum(values: Uint8Array | Uint32Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
