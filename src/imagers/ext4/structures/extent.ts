import { BLOCK_BYTES, EXTENT_MAGIC, EXTENT_MAX_BLOCKS } from "./constants.ts";
import { crc32c } from "./crc32c.ts";

/*
 * Extent tree (kernel: Documentation/filesystems/ext4/ifork.rst). A node is a header and 12-byte entries; the root
 * lies in i_block (4 entries), every other node fills a block (340 entries) that ends with a checksum.
 *
 *   ext4_extent_header      ext4_extent (depth 0)    ext4_extent_idx (depth > 0)
 *   0  eh_magic   u16       0  ee_block     u32      0  ei_block    u32
 *   2  eh_entries u16       4  ee_len       u16      4  ei_leaf_lo  u32
 *   4  eh_max     u16       6  ee_start_hi  u16      8  ei_leaf_hi  u16
 *   6  eh_depth   u16       8  ee_start_lo  u32      10 ei_unused   u16
 *   8  eh_generation u32
 *
 *   ext4_extent_tail at 4092: et_checksum u32 = crc32c(inode seed, block[0..4092])
 */
const HEADER_BYTES = 12;
const ENTRY_BYTES = 12;
const TAIL_OFFSET: number = BLOCK_BYTES - 4;
const ROOT_ENTRIES = 4;
export const BLOCK_ENTRIES: number = Math.floor((TAIL_OFFSET - HEADER_BYTES) / ENTRY_BYTES);

/** `length` blocks of a file from block `logical` on lie at block `physical` of the image. */
export type Extent = { readonly logical: number; readonly physical: number; readonly length: number };

export type ExtentNode = { readonly depth: number; readonly entries: readonly Extent[] };

export type ExtentTree = { readonly root: ExtentNode; readonly blocks: readonly ExtentNode[] };

/** Appends a run, cut to what one extent can hold, and grows the last extent where the run continues it. */
export function appendRun(extents: Extent[], run: Extent): void {
  let { logical, physical, length } = run;
  const last = extents.at(-1);
  if (last && last.logical + last.length === logical && last.physical + last.length === physical) {
    const grown = Math.min(EXTENT_MAX_BLOCKS, last.length + length);
    extents[extents.length - 1] = { ...last, length: grown };
    const taken = grown - last.length;
    logical += taken;
    physical += taken;
    length -= taken;
  }
  while (length > 0) {
    const part = Math.min(EXTENT_MAX_BLOCKS, length);
    extents.push({ logical, physical, length: part });
    logical += part;
    physical += part;
    length -= part;
  }
}

/** Blocks that a tree over so many extents takes outside the inode. */
export function treeBlockCount(extentCount: number): number {
  let blocks = 0;
  for (let nodes = extentCount; nodes > ROOT_ENTRIES; ) {
    nodes = Math.ceil(nodes / BLOCK_ENTRIES);
    blocks += nodes;
  }
  return blocks;
}

/** The tree over `extents`, its nodes full, leaves first; node i of `blocks` will lie at block `addresses[i]`. */
export function buildTree(extents: readonly Extent[], addresses: readonly number[]): ExtentTree {
  const blocks: ExtentNode[] = [];
  let depth = 0;
  let entries = extents;
  while (entries.length > ROOT_ENTRIES) {
    const parents: Extent[] = [];
    for (let i = 0; i < entries.length; i += BLOCK_ENTRIES) {
      const children = entries.slice(i, i + BLOCK_ENTRIES);
      parents.push({ logical: children[0]?.logical ?? 0, physical: addresses[blocks.length] as number, length: 0 });
      blocks.push({ depth, entries: children });
    }
    entries = parents;
    depth += 1;
  }
  return { root: { depth, entries }, blocks };
}

/** Writes the root into the 60 zeroed bytes of i_block. */
export function encodeRoot(iBlock: Buffer, root: ExtentNode): void {
  encodeNode(iBlock, root, ROOT_ENTRIES);
}

/** Writes a node into a zeroed block. */
export function encodeTreeBlock(block: Buffer, node: ExtentNode, inodeSeed: number): void {
  encodeNode(block, node, BLOCK_ENTRIES);
  block.writeUInt32LE(crc32c(inodeSeed, block, 0, TAIL_OFFSET), TAIL_OFFSET);
}

function encodeNode(out: Buffer, node: ExtentNode, max: number): void {
  out.writeUInt16LE(EXTENT_MAGIC, 0);
  out.writeUInt16LE(node.entries.length, 2);
  out.writeUInt16LE(max, 4);
  out.writeUInt16LE(node.depth, 6);
  let at = HEADER_BYTES;
  for (const entry of node.entries) {
    out.writeUInt32LE(entry.logical, at);
    if (node.depth === 0) {
      out.writeUInt16LE(entry.length, at + 4);
      out.writeUInt32LE(entry.physical, at + 8);
    } else {
      out.writeUInt32LE(entry.physical, at + 4);
    }
    at += ENTRY_BYTES;
  }
}
