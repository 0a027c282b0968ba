import { FledgeError } from "../../../lib/errors.ts";
import {
  COMPAT_HAS_JOURNAL,
  DESCRIPTOR_BYTES,
  INCOMPAT_FILETYPE,
  RO_COMPAT_METADATA_CSUM,
  SUPER_MAGIC,
} from "../structures/constants.ts";
import { crc32c } from "../structures/crc32c.ts";

/*
 * The feature words (kernel: Documentation/filesystems/ext4/super.rst; names as `dumpe2fs` prints them). What is not here
 * changes where things lie or how they are to be read, and is refused.
 */
const COMPAT: ReadonlyMap<number, string> = new Map([
  [0x1, "dir_prealloc"],
  [COMPAT_HAS_JOURNAL, "has_journal"],
  [0x8, "ext_attr"],
  [0x10, "resize_inode"],
  [0x20, "dir_index"],
  [0x200, "sparse_super2"],
  [0x400, "fast_commit"],
  [0x800, "stable_inodes"],
  [0x1000, "orphan_file"],
]);
const INCOMPAT_EXTENTS = 0x40;
const INCOMPAT_64BIT = 0x80;
const INCOMPAT_CSUM_SEED = 0x2000;
const INCOMPAT: ReadonlyMap<number, string> = new Map([
  [INCOMPAT_FILETYPE, "filetype"],
  [INCOMPAT_EXTENTS, "extent"],
  [INCOMPAT_64BIT, "64bit"],
  [0x100, "mmp"],
  [0x200, "flex_bg"],
  [0x400, "ea_inode"],
  [INCOMPAT_CSUM_SEED, "metadata_csum_seed"],
  [0x4000, "large_dir"],
  [0x8000, "inline_data"],
  [0x20000, "casefold"],
]);
const RO_COMPAT: ReadonlyMap<number, string> = new Map([
  [0x1, "sparse_super"],
  [0x2, "large_file"],
  [0x8, "huge_file"],
  [0x10, "uninit_bg"],
  [0x20, "dir_nlink"],
  [0x40, "extra_isize"],
  [0x100, "quota"],
  [RO_COMPAT_METADATA_CSUM, "metadata_csum"],
  [0x1000, "read-only"],
  [0x2000, "project"],
  [0x4000, "shared_blocks"],
  [0x8000, "verity"],
  [0x10000, "orphan_present"],
]);

/** Those that are refused, and have a name that people know. */
const REFUSED: Readonly<Record<"compat" | "incompat" | "roCompat", ReadonlyMap<number, string>>> = {
  compat: new Map(),
  incompat: new Map([
    [0x1, "compression"],
    [0x4, "needs_recovery"],
    [0x8, "journal_dev"],
    [0x10, "meta_bg"],
    [0x1000, "dirdata"],
    [0x10000, "encrypt"],
  ]),
  roCompat: new Map([
    [0x80, "snapshot"],
    [0x200, "bigalloc"],
    [0x800, "replica"],
  ]),
};

const MIN_INODE_BYTES = 128;
/** EXT4_VALID_FS of the state. */
const VALID_FS = 1;
const MAX_LOG_BLOCK = 6;
const WIDE_DESCRIPTOR_BYTES = 64;

/**
 * The reading side of the structures, written from the kernel's documentation and not from the writer: what it shares
 * with that is numbers and the checksum function.
 */
export type Superblock = {
  readonly blocks: number;
  readonly inodes: number;
  readonly freeBlocks: number;
  readonly freeInodes: number;
  readonly blocksPerGroup: number;
  readonly inodesPerGroup: number;
  readonly groups: number;
  /** 1024 to 65536. */
  readonly blockBytes: number;
  readonly inodeBytes: number;
  readonly descriptorBytes: number;
  /** The block that the superblock is in: 1 where blocks are of 1024 bytes. */
  readonly firstBlock: number;
  /** As `dumpe2fs` names them. */
  readonly features: readonly string[];
  /** Whether metadata has checksums (`metadata_csum`). */
  readonly hasChecksums: boolean;
  readonly seed: number;
  readonly uuid: string;
  readonly label: string;
  /** False while it is mounted, and after a guest that ended without unmounting it; with a journal it is refused then. */
  readonly isClean: boolean;
};

export type GroupDescriptor = {
  readonly blockBitmap: number;
  readonly inodeBitmap: number;
  readonly inodeTable: number;
  readonly freeBlocks: number;
  readonly freeInodes: number;
  readonly blockBitmapChecksum: number;
  readonly inodeBitmapChecksum: number;
};

/** A `verify` error; the caller that knows a path puts it in front. */
export function damaged(what: string): FledgeError {
  return new FledgeError("verify", what);
}

/** Parses the 1024 bytes of a superblock. Checks magic, checksum and geometry, and refuses features it cannot read by name. */
export function parseSuperblock(raw: Buffer): Superblock {
  if (raw.readUInt16LE(56) !== SUPER_MAGIC) throw damaged("the superblock has no ext4 magic number");
  const words = { compat: raw.readUInt32LE(92), incompat: raw.readUInt32LE(96), roCompat: raw.readUInt32LE(100) };
  const hasChecksums = (words.roCompat & RO_COMPAT_METADATA_CSUM) !== 0;
  if (hasChecksums && raw.readUInt32LE(1020) !== crc32c(0xffffffff, raw.subarray(0, 1020))) {
    throw damaged("the checksum of the superblock is wrong");
  }
  const isWide = (words.incompat & INCOMPAT_64BIT) !== 0;
  const features = featuresOf(words);
  const high = (at: number): number => (isWide ? raw.readUInt32LE(at) * 2 ** 32 : 0);
  const uuid = raw.subarray(104, 120);
  const isDynamic = raw.readUInt32LE(76) > 0;
  const sizes = {
    blocks: raw.readUInt32LE(4) + high(0x150),
    inodes: raw.readUInt32LE(0),
    blocksPerGroup: raw.readUInt32LE(32),
    inodesPerGroup: raw.readUInt32LE(40),
    blockBytes: blockBytesOf(raw.readUInt32LE(24)),
    inodeBytes: isDynamic ? raw.readUInt16LE(88) : MIN_INODE_BYTES,
    descriptorBytes: isWide ? raw.readUInt16LE(254) : DESCRIPTOR_BYTES,
    firstBlock: raw.readUInt32LE(20),
  };
  assertGeometry(sizes);
  return {
    ...sizes,
    freeBlocks: raw.readUInt32LE(12) + high(0x158),
    freeInodes: raw.readUInt32LE(16),
    groups: Math.ceil((sizes.blocks - sizes.firstBlock) / sizes.blocksPerGroup),
    features,
    hasChecksums,
    seed: (words.incompat & INCOMPAT_CSUM_SEED) !== 0 ? raw.readUInt32LE(0x270) : crc32c(0xffffffff, uuid),
    uuid: uuid.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"),
    label: raw.subarray(120, 136).toString("utf8").replace(/\0+$/, ""),
    isClean: (raw.readUInt16LE(58) & VALID_FS) !== 0,
  };
}

type Words = Readonly<Record<keyof typeof REFUSED, number>>;

/** The names of the features; throws for one that is not known to be read. */
function featuresOf(words: Words): string[] {
  const known = { compat: COMPAT, incompat: INCOMPAT, roCompat: RO_COMPAT };
  const names: string[] = [];
  for (const word of ["compat", "incompat", "roCompat"] as const) {
    for (let bit = 1; bit <= 2 ** 31; bit *= 2) {
      if (Math.floor(words[word] / bit) % 2 === 0) continue;
      const name = known[word].get(bit);
      // What is compatible may be there unknown: it changes nothing for a reader.
      if (name !== undefined) names.push(name);
      else if (word !== "compat") throw refused(REFUSED[word].get(bit) ?? `${word} 0x${bit.toString(16)}`);
    }
  }
  return names;
}

function refused(feature: string): FledgeError {
  const needsRecovery = feature === "needs_recovery";
  return new FledgeError("verify", `its feature ${feature} is one that fledge does not read`, {
    hint: needsRecovery
      ? "it was not unmounted: e2fsck -fy writes what is in its journal"
      : "mount it, or copy what is in it into an ext4 without that feature",
  });
}

function blockBytesOf(log: number): number {
  if (log > MAX_LOG_BLOCK) throw damaged(`its block size is 2^${10 + log}`);
  return 1024 << log;
}

function assertGeometry(
  sizes: Omit<
    Superblock,
    "freeBlocks" | "freeInodes" | "groups" | "features" | "hasChecksums" | "isClean" | "seed" | "uuid" | "label"
  >,
): void {
  const { blocks, inodes, blocksPerGroup, inodesPerGroup, blockBytes, inodeBytes, descriptorBytes, firstBlock } = sizes;
  const isPowerOf2 = (value: number): boolean => (value & (value - 1)) === 0;
  const perGroup = blockBytes * 8;
  const isSound =
    firstBlock === (blockBytes === 1024 ? 1 : 0) &&
    blocks > firstBlock &&
    blocksPerGroup > 0 &&
    blocksPerGroup <= perGroup &&
    inodesPerGroup > 0 &&
    inodesPerGroup <= perGroup &&
    inodeBytes >= MIN_INODE_BYTES &&
    inodeBytes <= blockBytes &&
    isPowerOf2(inodeBytes) &&
    (descriptorBytes === DESCRIPTOR_BYTES || descriptorBytes === WIDE_DESCRIPTOR_BYTES) &&
    inodes <= Math.ceil((blocks - firstBlock) / blocksPerGroup) * inodesPerGroup;
  if (!isSound) throw damaged("the numbers of its superblock make no sense together");
}

/** Parses a descriptor of 32 or 64 bytes and checks its checksum where it has one. */
export function parseDescriptor(raw: Buffer, group: number, { seed, hasChecksums }: Superblock): GroupDescriptor {
  const number = Buffer.alloc(4);
  number.writeUInt32LE(group);
  const zeroed = Buffer.concat([number, raw.subarray(0, 30), Buffer.alloc(2), raw.subarray(32)]);
  if (hasChecksums && raw.readUInt16LE(30) !== (crc32c(seed, zeroed) & 0xffff)) {
    throw damaged(`the checksum of the descriptor of group ${group} is wrong`);
  }
  const isWide = raw.length >= WIDE_DESCRIPTOR_BYTES;
  const high = (at: number): number => (isWide ? raw.readUInt32LE(at) * 2 ** 32 : 0);
  const highHalf = (at: number): number => (isWide ? raw.readUInt16LE(at) * 2 ** 16 : 0);
  return {
    blockBitmap: raw.readUInt32LE(0) + high(32),
    inodeBitmap: raw.readUInt32LE(4) + high(36),
    inodeTable: raw.readUInt32LE(8) + high(40),
    freeBlocks: raw.readUInt16LE(12) + highHalf(44),
    freeInodes: raw.readUInt16LE(14) + highHalf(46),
    blockBitmapChecksum: raw.readUInt16LE(24),
    inodeBitmapChecksum: raw.readUInt16LE(26),
  };
}
