import {
  COMPAT_DIR_INDEX,
  COMPAT_EXT_ATTR,
  COMPAT_HAS_JOURNAL,
  EXTRA_ISIZE,
  FIRST_INODE,
  INCOMPAT_EXTENTS,
  INCOMPAT_FILETYPE,
  INCOMPAT_FLEX_BG,
  INODE_BYTES,
  JOURNAL_INODE,
  RO_COMPAT_DIR_NLINK,
  RO_COMPAT_EXTRA_ISIZE,
  RO_COMPAT_HUGE_FILE,
  RO_COMPAT_LARGE_FILE,
  RO_COMPAT_METADATA_CSUM,
  RO_COMPAT_SPARSE_SUPER,
  SUPER_MAGIC,
  SUPERBLOCK_BYTES,
} from "./constants.ts";
import { crc32c } from "./crc32c.ts";
import type { HashSeed } from "./dirhash.ts";

/*
 * ext4_super_block, 1024 bytes (kernel: Documentation/filesystems/ext4/super.rst). Not listed: zero. All times are 0:
 * they are nobody's input, and e2fsck objects to those that lie in the future.
 *
 *   0x00 s_inodes_count       0x34 s_mnt_count u16 = 0         0x78 s_volume_name[16]
 *   0x04 s_blocks_count_lo    0x36 s_max_mnt_count s16 = -1    0xe0 s_journal_inum
 *   0x0c s_free_blocks_count  0x38 s_magic u16 = ef53          0xec s_hash_seed[4]
 *   0x10 s_free_inodes_count  0x3a s_state u16 = 1: clean      0xfc s_def_hash_version u8 = 1: half MD4
 *   0x14 s_first_data_block   0x3c s_errors u16 = 1: go on     0xfd s_jnl_backup_type u8 = 1: blocks
 *   0x18 s_log_block_size = 2 0x4c s_rev_level = 1             0x100 s_default_mount_opts: xattr, acl
 *   0x1c s_log_cluster_size   0x54 s_first_ino = 11            0x10c s_jnl_blocks[17]: i_block, size
 *   0x20 s_blocks_per_group   0x58 s_inode_size u16 = 256      0x15c s_min_extra_isize u16 = 32
 *   0x24 s_clusters_per_group 0x5a s_block_group_nr u16        0x15e s_want_extra_isize u16 = 32
 *   0x28 s_inodes_per_group   0x5c s_feature_compat            0x160 s_flags = 1: signed hash
 *                             0x60 s_feature_incompat          0x174 s_log_groups_per_flex u8 = 4
 *                             0x64 s_feature_ro_compat         0x175 s_checksum_type u8 = 1: crc32c
 *                             0x68 s_uuid[16]                  0x248 s_overhead_clusters
 *                                                              0x3fc s_checksum = crc32c(~0, all before)
 */
const LOG_BLOCK_SIZE = 2;
const LABEL_BYTES = 16;
const CHECKSUM_OFFSET = 0x3fc;
const LOG_GROUPS_PER_FLEX = 4;
const DEFAULT_MOUNT_OPTIONS = 0x4 | 0x8;
const SIGNED_DIRECTORY_HASH = 1;

// 64bit stays off: images end at 16 TiB anyway and the group descriptors are half as large. resize_inode stays off:
// it would take blocks for descriptors that nobody needs.
const COMPAT: number = COMPAT_EXT_ATTR | COMPAT_DIR_INDEX;
const INCOMPAT: number = INCOMPAT_FILETYPE | INCOMPAT_EXTENTS | INCOMPAT_FLEX_BG;
const RO_COMPAT: number =
  RO_COMPAT_SPARSE_SUPER |
  RO_COMPAT_LARGE_FILE |
  RO_COMPAT_HUGE_FILE |
  RO_COMPAT_DIR_NLINK |
  RO_COMPAT_EXTRA_ISIZE |
  RO_COMPAT_METADATA_CSUM;

export type SuperblockFields = {
  readonly blocks: number;
  readonly inodes: number;
  readonly freeBlocks: number;
  readonly freeInodes: number;
  readonly blocksPerGroup: number;
  readonly inodesPerGroup: number;
  /** Blocks that are nobody's contents: descriptors, bitmaps, tables, backups and the journal. */
  readonly overheadBlocks: number;
  readonly uuid: Buffer;
  readonly hashSeed: HashSeed;
  readonly label: string;
  /** The journal's i_block and size, kept a second time here; undefined without a journal. */
  readonly journal: { readonly iBlock: Buffer; readonly sizeBytes: number } | undefined;
};

/** The superblock that stands in `group`: 0 for the primary, others for the backups. */
export function encodeSuperblock(fields: SuperblockFields, group: number): Buffer {
  const out = Buffer.alloc(SUPERBLOCK_BYTES);
  out.writeUInt32LE(fields.inodes, 0x00);
  out.writeUInt32LE(fields.blocks, 0x04);
  out.writeUInt32LE(fields.freeBlocks, 0x0c);
  out.writeUInt32LE(fields.freeInodes, 0x10);
  out.writeUInt32LE(LOG_BLOCK_SIZE, 0x18);
  out.writeUInt32LE(LOG_BLOCK_SIZE, 0x1c);
  out.writeUInt32LE(fields.blocksPerGroup, 0x20);
  out.writeUInt32LE(fields.blocksPerGroup, 0x24);
  out.writeUInt32LE(fields.inodesPerGroup, 0x28);
  out.writeInt16LE(-1, 0x36);
  out.writeUInt16LE(SUPER_MAGIC, 0x38);
  out.writeUInt16LE(1, 0x3a);
  out.writeUInt16LE(1, 0x3c);
  out.writeUInt32LE(1, 0x4c);
  out.writeUInt32LE(FIRST_INODE, 0x54);
  out.writeUInt16LE(INODE_BYTES, 0x58);
  out.writeUInt16LE(group, 0x5a);
  out.writeUInt32LE(fields.journal ? COMPAT | COMPAT_HAS_JOURNAL : COMPAT, 0x5c);
  out.writeUInt32LE(INCOMPAT, 0x60);
  out.writeUInt32LE(RO_COMPAT, 0x64);
  fields.uuid.copy(out, 0x68);
  cutLabel(fields.label).copy(out, 0x78);
  fields.hashSeed.forEach((word, i) => {
    out.writeUInt32LE(word >>> 0, 0xec + i * 4);
  });
  out.writeUInt8(1, 0xfc);
  out.writeUInt32LE(DEFAULT_MOUNT_OPTIONS, 0x100);
  if (fields.journal) encodeJournalBackup(out, fields.journal);
  out.writeUInt16LE(EXTRA_ISIZE, 0x15c);
  out.writeUInt16LE(EXTRA_ISIZE, 0x15e);
  out.writeUInt32LE(SIGNED_DIRECTORY_HASH, 0x160);
  out.writeUInt8(LOG_GROUPS_PER_FLEX, 0x174);
  out.writeUInt8(1, 0x175);
  out.writeUInt32LE(fields.overheadBlocks, 0x248);
  out.writeUInt32LE(crc32c(0xffffffff, out, 0, CHECKSUM_OFFSET), CHECKSUM_OFFSET);
  return out;
}

/** The longest prefix of whole characters that fits `s_volume_name`. */
export function cutLabel(label: string): Buffer {
  let cut = "";
  for (const character of label) {
    if (Buffer.byteLength(cut + character, "utf8") > LABEL_BYTES) break;
    cut += character;
  }
  return Buffer.from(cut, "utf8");
}

/** Without it e2fsck would want to write one. */
function encodeJournalBackup(out: Buffer, { iBlock, sizeBytes }: NonNullable<SuperblockFields["journal"]>): void {
  out.writeUInt32LE(JOURNAL_INODE, 0xe0);
  out.writeUInt8(1, 0xfd);
  iBlock.copy(out, 0x10c);
  out.writeUInt32LE(Math.floor(sizeBytes / 2 ** 32), 0x10c + 60);
  out.writeUInt32LE(sizeBytes % 2 ** 32, 0x10c + 64);
}
