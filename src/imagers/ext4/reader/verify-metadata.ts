import type { ByteString } from "../../../lib/bytes.ts";
import {
  BLOCK_BYTES,
  DESCRIPTOR_BYTES,
  FIRST_INODE,
  INODE_BYTES,
  JOURNAL_INODE,
  ROOT_INODE,
  SUPERBLOCK_BYTES,
} from "../structures/constants.ts";
import { crc32c } from "../structures/crc32c.ts";
import { type Ext4Reader, isZero } from "./read.ts";
import { damaged } from "./superblock.ts";

const SUPERBLOCK_AT = 1024;
const GROUP_NUMBER_AT = 90;
const CHECKSUM_AT = 1020;
const JOURNAL_MAGIC = 0xc03b3998;
const LOST_FOUND = "lost+found" as ByteString;

/**
 * Checks what belongs to no file of the tree: bitmaps, the copies of superblock and group descriptors, the reserved
 * inodes and the journal. All that a kernel or e2fsck would check of it, and the padding. Throws a `verify` error.
 */
export function checkMetadata(reader: Ext4Reader): void {
  const { blockBytes, inodeBytes, descriptorBytes, hasChecksums } = reader.superblock;
  if (blockBytes !== BLOCK_BYTES) throw damaged("the block size is not 4096");
  if (inodeBytes !== INODE_BYTES) throw damaged("the inode size is not 256");
  if (!hasChecksums || descriptorBytes !== DESCRIPTOR_BYTES) throw damaged("its features are not those of fledge's");
  reader.checkBitmaps();
  checkCopies(reader);
  for (let number = 1; number < FIRST_INODE; number++) {
    if (number === ROOT_INODE) continue;
    const { mode, links, size } = reader.inode(number);
    if (number === JOURNAL_INODE && size > 0) checkJournal(reader, size);
    else if (mode !== 0 || links !== 0 || size !== 0) throw damaged(`the reserved inode ${number} is in use`);
  }
}

/** Reads lost+found, which the tree need not have. */
export function checkLostFound(reader: Ext4Reader): void {
  const entry = reader.entries(reader.inode(ROOT_INODE)).find(({ name }) => name === LOST_FOUND);
  if (entry !== undefined && entry.fileType === 2) reader.entries(reader.inode(entry.inodeNumber));
}

/** Each copy is the primary but for the number of its group, and what is not of it is zero. */
function checkCopies(reader: Ext4Reader): void {
  const { groups, blocksPerGroup } = reader.superblock;
  const descriptorBlocks = Math.ceil((groups * DESCRIPTOR_BYTES) / BLOCK_BYTES);
  const head = reader.readBlocks(0, 1 + descriptorBlocks);
  const primary = head.subarray(SUPERBLOCK_AT, SUPERBLOCK_AT + SUPERBLOCK_BYTES);
  const descriptors = head.subarray(BLOCK_BYTES);
  const around = Buffer.concat([
    head.subarray(0, SUPERBLOCK_AT),
    head.subarray(SUPERBLOCK_AT + SUPERBLOCK_BYTES, BLOCK_BYTES),
    descriptors.subarray(groups * DESCRIPTOR_BYTES),
  ]);
  if (!isZero(around)) throw damaged("there is something between superblock and group descriptors");
  for (const group of copiesAt(groups)) {
    const copy = reader.readBlocks(group * blocksPerGroup, 1 + descriptorBlocks);
    const superblock = copy.subarray(0, SUPERBLOCK_BYTES);
    const isSame =
      superblock.readUInt32LE(CHECKSUM_AT) === crc32c(0xffffffff, superblock, 0, CHECKSUM_AT) &&
      superblock.readUInt16LE(GROUP_NUMBER_AT) === group &&
      withoutNumber(superblock).equals(withoutNumber(primary)) &&
      isZero(copy.subarray(SUPERBLOCK_BYTES, BLOCK_BYTES)) &&
      copy.subarray(BLOCK_BYTES).equals(descriptors);
    if (!isSame) throw damaged(`the copy of superblock and group descriptors in group ${group} is another`);
  }
}

/** sparse_super: groups 1 and the powers of 3, 5 and 7. */
function copiesAt(groups: number): Set<number> {
  const found = new Set<number>();
  for (const base of [3, 5, 7]) for (let group = 1; group < groups; group *= base) found.add(group);
  return found;
}

function withoutNumber(superblock: Buffer): Buffer {
  const rest = Buffer.from(superblock);
  rest.writeUInt16LE(0, GROUP_NUMBER_AT);
  rest.writeUInt32LE(0, CHECKSUM_AT);
  return rest;
}

/** An empty journal is its superblock alone; what lies behind it is read only after it has been written. */
function checkJournal(reader: Ext4Reader, size: number): void {
  const inode = reader.inode(JOURNAL_INODE);
  const runs = reader.runs(inode);
  const blocks = runs.reduce((sum, { count }) => sum + count, 0);
  const [first] = runs;
  if (first === undefined || blocks * BLOCK_BYTES !== size) throw damaged("the journal is not all there");
  const block = reader.readBlock(first.physical);
  const expected = Buffer.alloc(BLOCK_BYTES);
  const fields: readonly (readonly [at: number, value: number])[] = [
    [0, JOURNAL_MAGIC],
    [4, 4], // a superblock of version 2
    [12, BLOCK_BYTES],
    [16, blocks],
    [20, 1], // the log begins behind it
    [24, 1],
    [64, 1], // one file system uses it
  ];
  for (const [at, value] of fields) expected.writeUInt32BE(value, at);
  Buffer.from(reader.superblock.uuid.replaceAll("-", ""), "hex").copy(expected, 48);
  if (!block.equals(expected)) throw damaged("the superblock of the journal is not that of an empty one");
}
