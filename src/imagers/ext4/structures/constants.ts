/**
 * The numbers of ext4 that writer and reader share; names and values from the kernel's
 * Documentation/filesystems/ext4 and fs/ext4/ext4.h. Nothing here decides anything.
 */
export const BLOCK_BYTES = 4096;
export const INODE_BYTES = 256;
export const INODES_PER_BLOCK: number = BLOCK_BYTES / INODE_BYTES;
export const SUPERBLOCK_OFFSET = 1024;
export const SUPERBLOCK_BYTES = 1024;
export const DESCRIPTOR_BYTES = 32;
/** One bitmap block has a bit for each of them. */
export const MAX_PER_GROUP: number = BLOCK_BYTES * 8;
export const SECTORS_PER_BLOCK: number = BLOCK_BYTES / 512;

export const SUPER_MAGIC = 0xef53;
export const EXTENT_MAGIC = 0xf30a;
export const XATTR_MAGIC = 0xea020000;
export const JOURNAL_MAGIC = 0xc03b3998;

export const ROOT_INODE = 2;
export const JOURNAL_INODE = 8;
/** `s_first_ino`: the ten below are reserved. */
export const FIRST_INODE = 11;

/** i_mode's type bits, also the order of Unix. */
export const S_IFIFO = 0o010000;
export const S_IFCHR = 0o020000;
export const S_IFDIR = 0o040000;
export const S_IFBLK = 0o060000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;
export const S_IFSOCK = 0o140000;

/** i_flags. */
export const EXT4_INDEX_FL = 0x1000;
export const EXT4_EXTENTS_FL = 0x80000;

/** Bytes of an inode past the 128 of ext2 that are fields; in-inode xattrs follow. */
export const EXTRA_ISIZE = 32;
export const GOOD_OLD_INODE_BYTES = 128;

/** More links than this and, with dir_nlink, a directory stores 1: "not counted". */
export const LINK_MAX = 65_000;
export const NAME_MAX = 255;
/** `ext4_dir_entry_tail`: a fake entry at the end of a directory block that carries its checksum. */
export const DIR_TAIL_BYTES = 12;
export const DIR_TAIL_TYPE = 0xde;
/** `ee_len` up to here is an initialised extent. */
export const EXTENT_MAX_BLOCKS = 32_768;

export const COMPAT_HAS_JOURNAL = 0x4;
export const COMPAT_EXT_ATTR = 0x8;
export const COMPAT_DIR_INDEX = 0x20;
export const INCOMPAT_FILETYPE = 0x2;
export const INCOMPAT_EXTENTS = 0x40;
export const INCOMPAT_FLEX_BG = 0x200;
export const RO_COMPAT_SPARSE_SUPER = 0x1;
export const RO_COMPAT_LARGE_FILE = 0x2;
export const RO_COMPAT_HUGE_FILE = 0x8;
export const RO_COMPAT_DIR_NLINK = 0x20;
export const RO_COMPAT_EXTRA_ISIZE = 0x40;
export const RO_COMPAT_METADATA_CSUM = 0x400;

/** `e_name_index` of the xattr namespaces. */
export const XATTR_USER = 1;
export const XATTR_ACL_ACCESS = 2;
export const XATTR_ACL_DEFAULT = 3;
export const XATTR_TRUSTED = 4;
export const XATTR_SECURITY = 6;
