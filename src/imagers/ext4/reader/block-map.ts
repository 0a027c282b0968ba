import { EXTENT_MAGIC } from "../structures/constants.ts";
import { crc32c } from "../structures/crc32c.ts";
import { type DiskInode, seedOfInode } from "./read-structures.ts";
import { damaged, type Superblock } from "./superblock.ts";

/** `count` blocks of a file from block `logical` on are at block `physical` of the image. */
export type MappedRun = { readonly logical: number; readonly physical: number; readonly count: number };

export type BlockSource = { readonly superblock: Superblock; readBlock(block: number): Buffer };

/** `ee_len` up to here is an initialised extent; above, one that was allocated and never written, which reads as zeros. */
const INITIALISED = 32_768;
/** EXT4_MAX_EXTENT_DEPTH. */
const MAX_DEPTH = 5;
const DIRECT = 12;

/**
 * Collects the runs of one file in order. A file has no more blocks than its image, so that however often a damaged map
 * points at the same place, reading it ends.
 */
class Runs {
  readonly list: MappedRun[] = [];
  readonly #most: number;
  #blocks = 0;
  #nodes = 0;
  #end = 0;

  constructor({ blocks }: Superblock) {
    this.#most = blocks;
  }

  add(run: MappedRun): void {
    if (run.logical < this.#end) throw damaged("its extents overlap");
    if (run.physical + run.count > this.#most || run.physical === 0) throw damaged("an extent of it lies past the end");
    this.#blocks += run.count;
    if (this.#blocks > this.#most) throw damaged("it has more blocks than the image");
    this.#end = run.logical + run.count;
    const last = this.list.at(-1);
    const continues = last && last.logical + last.count === run.logical && last.physical + last.count === run.physical;
    if (continues) this.list[this.list.length - 1] = { ...last, count: last.count + run.count };
    else this.list.push(run);
  }

  node(): void {
    this.#nodes += 1;
    if (this.#nodes > this.#most) throw damaged("the map of its blocks has more blocks than the image");
  }
}

/** The runs of an inode's extent tree, all levels. Unwritten extents are left out, being zeros, or refused. */
export function extentRuns(source: BlockSource, inode: DiskInode, unwritten: "refused" | "skipped"): MappedRun[] {
  const runs = new Runs(source.superblock);
  const root = inode.iBlock;
  if (root.readUInt16LE(0) === EXTENT_MAGIC && root.readUInt16LE(6) > MAX_DEPTH)
    throw damaged("its extent tree is too deep");
  walkExtents(root, { source, inode, runs, unwritten });
  return runs.list;
}

type Walk = {
  readonly source: BlockSource;
  readonly inode: DiskInode;
  readonly runs: Runs;
  readonly unwritten: "refused" | "skipped";
};

function walkExtents(node: Buffer, walk: Walk): void {
  if (node.readUInt16LE(0) !== EXTENT_MAGIC) throw damaged("a node of its extent tree has no magic number");
  const count = node.readUInt16LE(2);
  const depth = node.readUInt16LE(6);
  if (count > node.readUInt16LE(4) || 12 + count * 12 > node.length) {
    throw damaged("a node of its extent tree is too full");
  }
  for (let at = 12; at < 12 + count * 12; at += 12) {
    if (depth === 0) addExtent(node, at, walk);
    else walkExtents(childOf(node, at, walk), walk);
  }
}

function addExtent(node: Buffer, at: number, { runs, unwritten }: Walk): void {
  const length = node.readUInt16LE(at + 4);
  if (length > INITIALISED && unwritten === "skipped") return;
  if (length === 0 || length > INITIALISED) throw damaged("an extent of it is empty or unwritten");
  runs.add({
    logical: node.readUInt32LE(at),
    count: length,
    physical: node.readUInt16LE(at + 6) * 2 ** 32 + node.readUInt32LE(at + 8),
  });
}

function childOf(node: Buffer, at: number, { source, inode, runs }: Walk): Buffer {
  const { superblock } = source;
  runs.node();
  const child = source.readBlock(node.readUInt16LE(at + 8) * 2 ** 32 + node.readUInt32LE(at + 4));
  // Behind the entries that fit, which leave four bytes where a block is not a multiple of twelve.
  const tail = 12 + Math.floor((child.length - 12) / 12) * 12;
  const seed = seedOfInode(superblock.seed, inode.number, inode.generation);
  if (superblock.hasChecksums && child.readUInt32LE(tail) !== crc32c(seed, child, 0, tail)) {
    throw damaged("the checksum of a node of its extent tree is wrong");
  }
  if (child.readUInt16LE(6) !== node.readUInt16LE(6) - 1) throw damaged("its extent tree has the wrong depth");
  return child;
}

/**
 * The runs of an inode without extents: twelve addresses of blocks, then one of a block of addresses, one of a block of
 * such blocks, and one of a third level (kernel: Documentation/filesystems/ext4/ifork.rst, "Direct/Indirect Block Addressing").
 */
export function indirectRuns(source: BlockSource, { iBlock, size }: DiskInode): MappedRun[] {
  const { blockBytes } = source.superblock;
  const runs = new Runs(source.superblock);
  const end = Math.ceil(size / blockBytes);
  const perBlock = blockBytes / 4;
  const visit = (address: number, level: number, logical: number): void => {
    if (address === 0 || logical >= end) return;
    if (level === 0) {
      runs.add({ logical, physical: address, count: 1 });
      return;
    }
    runs.node();
    const table = source.readBlock(address);
    const step = perBlock ** (level - 1);
    for (let i = 0; i < perBlock && logical + i * step < end; i++) {
      visit(table.readUInt32LE(i * 4), level - 1, logical + i * step);
    }
  };
  let logical = 0;
  for (let slot = 0; slot < DIRECT + 3; slot++) {
    const level = Math.max(0, slot - DIRECT + 1);
    visit(iBlock.readUInt32LE(slot * 4), level, logical);
    logical += perBlock ** level;
  }
  return runs.list;
}
