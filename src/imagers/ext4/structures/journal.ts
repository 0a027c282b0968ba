import { BLOCK_BYTES, JOURNAL_MAGIC } from "./constants.ts";

/*
 * journal_superblock_s, version 2, all big-endian (kernel: Documentation/filesystems/ext4/journal.rst).
 *
 *   0   h_magic      c03b3998      16  s_maxlen     blocks of the journal
 *   4   h_blocktype  4             20  s_first      1
 *   8   h_sequence   0             24  s_sequence   1
 *   12  s_blocksize  4096          28  s_start      0: nothing to replay
 *   48  s_uuid[16]                 64  s_nr_users   1
 *
 * No features: the kernel turns on the journal's checksums itself at the first writable mount.
 */
const SUPERBLOCK_V2 = 4;

const MIB_BLOCKS: number = (1024 * 1024) / BLOCK_BYTES;
const GIB_BLOCKS: number = 1024 * MIB_BLOCKS;

/**
 * Blocks of the journal for an image of about so many blocks. 4 MiB is the least the kernel takes (1024 blocks) and is
 * kept up to 1 GiB where mke2fs would give 16: every byte of an image is copied and hashed at each launch.
 */
export function journalBlocksFor(imageBlocks: number): number {
  if (imageBlocks <= GIB_BLOCKS) return 4 * MIB_BLOCKS;
  if (imageBlocks <= 8 * GIB_BLOCKS) return 16 * MIB_BLOCKS;
  return 64 * MIB_BLOCKS;
}

/** Writes the superblock of an empty journal into its zeroed first block. */
export function encodeJournalSuperblock(block: Buffer, journalBlocks: number, uuid: Buffer): void {
  block.writeUInt32BE(JOURNAL_MAGIC, 0);
  block.writeUInt32BE(SUPERBLOCK_V2, 4);
  block.writeUInt32BE(BLOCK_BYTES, 12);
  block.writeUInt32BE(journalBlocks, 16);
  block.writeUInt32BE(1, 20);
  block.writeUInt32BE(1, 24);
  uuid.copy(block, 48);
  block.writeUInt32BE(1, 64);
}
