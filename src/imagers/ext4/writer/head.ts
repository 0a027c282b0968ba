import type { Ext4Plan } from "../layout/plan.ts";
import { inodeNumberOf } from "../layout/roster.ts";
import { BLOCK_BYTES, DESCRIPTOR_BYTES, SUPERBLOCK_OFFSET } from "../structures/constants.ts";
import {
  blockBitmapChecksum,
  encodeBlockBitmap,
  encodeDescriptor,
  encodeInodeBitmap,
  inodeBitmapChecksum,
} from "../structures/group.ts";
import { encodeSuperblock, type SuperblockFields } from "../structures/superblock.ts";
import { journalIBlock } from "./inode-record.ts";

/** Superblock and group descriptors, which stand at the start of the image and again in the backups. */
export type Head = {
  /** The blocks of group 0: the superblock at byte 1024, then the descriptors. */
  primary(): Buffer;
  /** The blocks of a backup: the superblock at byte 0. */
  backup(group: number): Buffer;
};

export function makeHead(plan: Ext4Plan): Head {
  const { geometry } = plan;
  const { descriptors, freeBlocks } = describeGroups(plan);
  const fields: SuperblockFields = {
    blocks: geometry.totalBlocks,
    inodes: geometry.groupCount * geometry.inodesPerGroup,
    freeBlocks,
    freeInodes: geometry.groupCount * geometry.inodesPerGroup - plan.usedInodes,
    blocksPerGroup: geometry.blocksPerGroup,
    inodesPerGroup: geometry.inodesPerGroup,
    overheadBlocks: overheadBlocksOf(plan),
    uuid: plan.uuid,
    hashSeed: plan.hashSeed,
    label: plan.label,
    journal:
      plan.journalBlocks === 0
        ? undefined
        : { iBlock: journalIBlock(plan), sizeBytes: plan.journalBlocks * BLOCK_BYTES },
  };
  const blocks = (group: number, offset: number): Buffer => {
    const out = Buffer.alloc(BLOCK_BYTES + descriptors.length);
    encodeSuperblock(fields, group).copy(out, offset);
    descriptors.copy(out, BLOCK_BYTES);
    return out;
  };
  return { primary: () => blocks(0, SUPERBLOCK_OFFSET), backup: (group) => blocks(group, 0) };
}

/** Fills a block with the bitmap of a group's blocks; returns how many are free. */
export function blockBitmapOf(plan: Ext4Plan, group: number, out: Buffer): number {
  const { blocksPerGroup, totalBlocks } = plan.geometry;
  const first = group * blocksPerGroup;
  return encodeBlockBitmap(out, plan.free, first, Math.min(first + blocksPerGroup, totalBlocks));
}

/** Fills a block with the bitmap of a group's inodes. */
export function inodeBitmapOf(plan: Ext4Plan, group: number, out: Buffer): void {
  encodeInodeBitmap(out, usedInodesOf(plan, group), plan.geometry.inodesPerGroup);
}

/** Inodes are numbered without holes, so a group's used ones are its first. */
export function usedInodesOf({ geometry, usedInodes }: Ext4Plan, group: number): number {
  const { inodesPerGroup } = geometry;
  return Math.min(inodesPerGroup, Math.max(0, usedInodes - group * inodesPerGroup));
}

function describeGroups(plan: Ext4Plan): { readonly descriptors: Buffer; readonly freeBlocks: number } {
  const { geometry, seed } = plan;
  const descriptors = Buffer.alloc(geometry.descriptorBlocks * BLOCK_BYTES);
  const directories = directoriesPerGroup(plan);
  const bitmap = Buffer.alloc(BLOCK_BYTES);
  // Of a large image most groups are empty, and their bitmaps the same.
  const { blocksPerGroup, inodesPerGroup } = geometry;
  const zeros = Buffer.alloc(BLOCK_BYTES);
  const emptyBlocks = blockBitmapChecksum(zeros, blocksPerGroup, seed);
  const emptyInodes = inodeBitmapChecksum(zeros, inodesPerGroup, seed);
  let freeBlocks = 0;
  for (let group = 0; group < geometry.groupCount; group++) {
    const isEmpty = isAllFree(plan, group);
    const freeHere = isEmpty ? blocksPerGroup : blockBitmapOf(plan, group, bitmap);
    const blockChecksum = isEmpty ? emptyBlocks : blockBitmapChecksum(bitmap, blocksPerGroup, seed);
    const used = usedInodesOf(plan, group);
    if (used > 0) inodeBitmapOf(plan, group, bitmap);
    const fields = {
      blockBitmap: geometry.blockBitmaps[group] as number,
      inodeBitmap: geometry.inodeBitmaps[group] as number,
      inodeTable: geometry.inodeTables[group] as number,
      freeBlocks: freeHere,
      freeInodes: inodesPerGroup - used,
      directories: directories[group] as number,
      blockBitmapChecksum: blockChecksum,
      inodeBitmapChecksum: used === 0 ? emptyInodes : inodeBitmapChecksum(bitmap, inodesPerGroup, seed),
    };
    const at = group * DESCRIPTOR_BYTES;
    encodeDescriptor(descriptors.subarray(at, at + DESCRIPTOR_BYTES), fields, group, seed);
    freeBlocks += freeHere;
  }
  return { descriptors, freeBlocks };
}

function isAllFree({ geometry: { blocksPerGroup, totalBlocks }, free }: Ext4Plan, group: number): boolean {
  const first = group * blocksPerGroup;
  const end = first + blocksPerGroup;
  return end <= totalBlocks && free.some(({ start, length }) => start <= first && end <= start + length);
}

function directoriesPerGroup({ geometry, roster }: Ext4Plan): Uint32Array {
  const directories = new Uint32Array(geometry.groupCount);
  roster.inodes.forEach(({ node }, position) => {
    if (node.type !== "dir") return;
    const group = Math.floor((inodeNumberOf(position) - 1) / geometry.inodesPerGroup);
    directories[group] = (directories[group] as number) + 1;
  });
  return directories;
}

function overheadBlocksOf({ geometry, journalBlocks }: Ext4Plan): number {
  const { groupCount, tableBlocks, descriptorBlocks, backups } = geometry;
  return (1 + backups.length) * (1 + descriptorBlocks) + groupCount * (2 + tableBlocks) + journalBlocks;
}
