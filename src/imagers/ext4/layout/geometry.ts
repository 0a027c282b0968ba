import { BLOCK_BYTES, DESCRIPTOR_BYTES, INODES_PER_BLOCK, MAX_PER_GROUP } from "../structures/constants.ts";

/** Blocks `start`..`start + length`. */
export type Run = { readonly start: number; readonly length: number };

/** What a filesystem has to hold. */
export type Demand = {
  /** Blocks of journal, extent trees, directories, attributes and contents. */
  readonly slots: number;
  /** All inodes: reserved, used and free ones. */
  readonly inodes: number;
  /** Blocks that stay free. */
  readonly freeBlocks: number;
};

/**
 * How the image is divided. Everything stands as far to the front as it can: descriptors, all bitmaps, all inode
 * tables (what mke2fs calls packed_meta_blocks; flex_bg allows it), then the `pieces` that journal, directories and
 * contents fill in order, then free space. Only the backups of the superblock are pinned to the starts of their groups.
 */
export type Geometry = {
  readonly totalBlocks: number;
  readonly blocksPerGroup: number;
  readonly inodesPerGroup: number;
  readonly groupCount: number;
  /** Blocks of all group descriptors. */
  readonly descriptorBlocks: number;
  /** Blocks of one group's inode table. */
  readonly tableBlocks: number;
  /** Copies of superblock and descriptors in later groups (sparse_super). */
  readonly backups: readonly Run[];
  /** Per group: the block it lies at. */
  readonly blockBitmaps: Uint32Array;
  readonly inodeBitmaps: Uint32Array;
  readonly inodeTables: Uint32Array;
  /** What an inode table skipped because it would have crossed a backup; free. */
  readonly gaps: readonly Run[];
  /** The space behind the tables, in order; the last one is open-ended. */
  readonly pieces: readonly Run[];
};

type Division = Omit<Geometry, "totalBlocks">;

/** A smaller group than this would be all metadata. */
const MIN_GROUP = 256;
/** Padding of up to this many blocks is cheaper than groups of an odd size. */
const PAD_LIMIT = 64;

/** The smallest geometry that meets the demand. Linear in the groups: what the first guess leaves out fills few of them. */
export function fitGeometry(demand: Demand): Geometry {
  for (let groups = fewestGroups(demand); ; groups++) {
    const division = divide(groups, MAX_PER_GROUP, demand.inodes);
    const total = blocksNeeded(division, demand);
    if (total > groups * MAX_PER_GROUP) continue;
    if (total + PAD_LIMIT >= leastBlocks(division)) return withTotal(division, total);
    return fitSmallerGroups(groups, demand);
  }
}

/** The geometry of a given number of blocks (or a few less, where the last group could not hold its own backup), or undefined when the demand does not fit. */
export function fixedGeometry(demand: Demand, totalBlocks: number): Geometry | undefined {
  const groups = Math.ceil(totalBlocks / MAX_PER_GROUP);
  const full = divide(groups, MAX_PER_GROUP, demand.inodes);
  if (totalBlocks < leastBlocks(full)) {
    return groups === 1 ? undefined : fixedGeometry(demand, (groups - 1) * MAX_PER_GROUP);
  }
  if (full.inodesPerGroup <= MAX_PER_GROUP) {
    return blocksNeeded(full, demand) <= totalBlocks ? { ...full, totalBlocks } : undefined;
  }
  const smaller = fitSmallerGroups(Math.ceil(demand.inodes / MAX_PER_GROUP), demand);
  return smaller.totalBlocks <= totalBlocks ? smaller : undefined;
}

/** The contiguous runs of the image that `count` slots from `slot` on are; slots number the blocks of the pieces through. */
export function runsOf(geometry: Geometry, slot: number, count: number): Run[] {
  const runs: Run[] = [];
  let skip = slot;
  let left = count;
  for (const piece of geometry.pieces) {
    if (left === 0) break;
    if (skip >= piece.length) {
      skip -= piece.length;
      continue;
    }
    const length = Math.min(left, piece.length - skip);
    runs.push({ start: piece.start + skip, length });
    left -= length;
    skip = 0;
  }
  return runs;
}

/** The block of one slot. */
export function blockOf(geometry: Geometry, slot: number): number {
  let skip = slot;
  for (const piece of geometry.pieces) {
    if (skip < piece.length) return piece.start + skip;
    skip -= piece.length;
  }
  return Number.NaN; // the last piece is open-ended
}

/** Groups that begin with a copy of superblock and descriptors: 1 and the powers of 3, 5 and 7 (sparse_super). */
export function backupGroups(groupCount: number): number[] {
  const groups = new Set<number>([1]);
  for (const base of [3, 5, 7]) {
    for (let group = base; group < groupCount; group *= base) groups.add(group);
  }
  return [...groups].filter((group) => group < groupCount).sort((a, b) => a - b);
}

/** More inodes than blocks (many empty files, links and folders): smaller groups instead of free space to fill large ones. */
function fitSmallerGroups(groups: number, demand: Demand): Geometry {
  let blocksPerGroup = roundUp(
    Math.max(MIN_GROUP, blocksNeeded(divide(groups, MAX_PER_GROUP, demand.inodes), demand) / groups),
    8,
  );
  for (;;) {
    const division = divide(groups, Math.min(MAX_PER_GROUP, blocksPerGroup), demand.inodes);
    const total = blocksNeeded(division, demand);
    if (total <= groups * division.blocksPerGroup || division.blocksPerGroup === MAX_PER_GROUP) {
      return withTotal(division, total);
    }
    blocksPerGroup += 64;
  }
}

/** Groups that certainly are needed: for the inodes, and for all blocks but the copies of superblock and descriptors. */
function fewestGroups({ slots, inodes, freeBlocks }: Demand): number {
  const blocks = slots + freeBlocks + inodes / INODES_PER_BLOCK;
  const bitmaps = 2;
  return Math.max(1, Math.ceil(inodes / MAX_PER_GROUP), Math.ceil(blocks / (MAX_PER_GROUP - bitmaps)));
}

function divide(groupCount: number, blocksPerGroup: number, inodes: number): Division {
  const inodesPerGroup = roundUp(Math.ceil(inodes / groupCount), INODES_PER_BLOCK);
  const tableBlocks = inodesPerGroup / INODES_PER_BLOCK;
  const descriptorBlocks = Math.ceil((groupCount * DESCRIPTOR_BYTES) / BLOCK_BYTES);
  const backups = backupGroups(groupCount).map((g) => ({ start: g * blocksPerGroup, length: 1 + descriptorBlocks }));

  const gaps: Run[] = [];
  let cursor = 1 + descriptorBlocks;
  let next = 0;
  const take = (count: number): number => {
    for (let backup = backups[next]; backup && cursor + count > backup.start; backup = backups[++next]) {
      if (backup.start > cursor) gaps.push({ start: cursor, length: backup.start - cursor });
      cursor = backup.start + backup.length;
    }
    cursor += count;
    return cursor - count;
  };
  const perGroup = (count: number): Uint32Array => {
    const blocks = new Uint32Array(groupCount);
    for (let group = 0; group < groupCount; group++) blocks[group] = take(count);
    return blocks;
  };
  return {
    blocksPerGroup,
    inodesPerGroup,
    groupCount,
    descriptorBlocks,
    tableBlocks,
    backups,
    blockBitmaps: perGroup(1),
    inodeBitmaps: perGroup(1),
    inodeTables: perGroup(tableBlocks),
    gaps,
    pieces: piecesBehind(cursor, backups.slice(next)),
  };
}

function piecesBehind(cursor: number, backups: readonly Run[]): Run[] {
  const pieces: Run[] = [];
  let start = cursor;
  for (const backup of backups) {
    if (backup.start > start) pieces.push({ start, length: backup.start - start });
    start = backup.start + backup.length;
  }
  pieces.push({ start, length: Number.POSITIVE_INFINITY });
  return pieces;
}

/** Never less than where the slots end, nor than what is used and free taken together. */
function blocksNeeded(division: Division, demand: Demand): number {
  const { groupCount, descriptorBlocks, tableBlocks, backups } = division;
  const copies = (1 + backups.length) * (1 + descriptorBlocks);
  const used = copies + groupCount * (2 + tableBlocks) + demand.slots;
  return Math.max(used + demand.freeBlocks, endOf(division, demand.slots));
}

/** The block behind the last used slot. */
function endOf(division: Division, slots: number): number {
  let left = slots;
  for (const piece of division.pieces) {
    if (left <= piece.length) return piece.start + left;
    left -= piece.length;
  }
  return Number.NaN; // the last piece is open-ended
}

function withTotal(division: Division, total: number): Geometry {
  return { ...division, totalBlocks: Math.max(total, leastBlocks(division)) };
}

/** The last group must at least hold its own backup, and some block. */
function leastBlocks({ groupCount, blocksPerGroup, backups }: Division): number {
  const lastGroup = (groupCount - 1) * blocksPerGroup;
  const last = backups.at(-1);
  return lastGroup + 1 + (last?.start === lastGroup ? last.length : 0);
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
