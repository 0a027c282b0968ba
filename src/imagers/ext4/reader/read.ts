import { closeSync, openSync, readSync } from "node:fs";
import type { ByteString } from "../../../lib/bytes.ts";
import { aclFromDisk } from "../structures/acl.ts";
import {
  BLOCK_BYTES,
  DESCRIPTOR_BYTES,
  EXT4_EXTENTS_FL,
  EXT4_INDEX_FL,
  EXTENT_MAGIC,
  INODE_BYTES,
  ROOT_INODE,
  S_IFDIR,
  SUPERBLOCK_BYTES,
  SUPERBLOCK_OFFSET,
  XATTR_ACL_ACCESS,
  XATTR_ACL_DEFAULT,
  XATTR_SECURITY,
  XATTR_TRUSTED,
  XATTR_USER,
} from "../structures/constants.ts";
import { crc32c } from "../structures/crc32c.ts";
import {
  type DiskEntry,
  type DiskInode,
  damaged,
  type GroupDescriptor,
  parseDescriptor,
  parseDirBlock,
  parseIndexBlock,
  parseInode,
  parseInodeXattrs,
  parseSuperblock,
  parseXattrBlock,
  type RawXattr,
  type Superblock,
  seedOfInode,
} from "./read-structures.ts";

export type { DiskEntry, DiskInode, Superblock } from "./read-structures.ts";

/** `count` blocks of a file from block `logical` on are at block `physical` of the image. */
export type MappedRun = { readonly logical: number; readonly physical: number; readonly count: number };

/** A name in the image; `path` has no leading slash and the root's is empty. */
export type ImageEntry = { readonly path: string; readonly inode: DiskInode };

const TYPE_MASK = 0o170000;
const TABLE_BLOCKS_READ = 16;

/**
 * An open ext4 image. Everything read is checked against its metadata checksum; a mismatch and a structure that makes no
 * sense throw a `verify` error. Reads are synchronous: nearly all are of one block. Understands what fledge writes: 4 KiB blocks, extents, 32-byte descriptors.
 */
export class Ext4Reader {
  readonly superblock: Superblock;
  readonly #fd: number;
  readonly #groups: readonly GroupDescriptor[];
  #tableCache: { readonly first: number; readonly bytes: Buffer } = { first: -1, bytes: Buffer.alloc(0) };

  private constructor(fd: number, superblock: Superblock, groups: readonly GroupDescriptor[]) {
    this.#fd = fd;
    this.superblock = superblock;
    this.#groups = groups;
  }

  /** Opens an image, or takes one that is open, and checks its superblock and group descriptors. */
  static open(image: string | number): Ext4Reader {
    const fd = typeof image === "number" ? image : openSync(image, "r");
    try {
      const superblock = parseSuperblock(readExactly(fd, SUPERBLOCK_OFFSET, SUPERBLOCK_BYTES));
      const table = readExactly(fd, BLOCK_BYTES, superblock.groups * DESCRIPTOR_BYTES);
      const groups = Array.from({ length: superblock.groups }, (_, group) =>
        parseDescriptor(
          table.subarray(group * DESCRIPTOR_BYTES, (group + 1) * DESCRIPTOR_BYTES),
          group,
          superblock.seed,
        ),
      );
      return new Ext4Reader(fd, superblock, groups);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Checks the bitmaps against their checksums, their padding, and the free counts against the bitmaps. */
  checkBitmaps(): void {
    const { blocks, blocksPerGroup, inodesPerGroup, seed, freeBlocks, freeInodes } = this.superblock;
    let blocksFree = 0;
    let inodesFree = 0;
    for (const [group, descriptor] of this.#groups.entries()) {
      const count = Math.min(blocksPerGroup, blocks - group * blocksPerGroup);
      const blockBitmap = this.readBlock(descriptor.blockBitmap);
      const inodeBitmap = this.readBlock(descriptor.inodeBitmap);
      const sound =
        isOnes(blockBitmap, count) &&
        isOnes(inodeBitmap, inodesPerGroup) &&
        (crc32c(seed, blockBitmap, 0, blocksPerGroup / 8) & 0xffff) === descriptor.blockBitmapChecksum &&
        (crc32c(seed, inodeBitmap, 0, inodesPerGroup / 8) & 0xffff) === descriptor.inodeBitmapChecksum &&
        zeroBits(blockBitmap, count) === descriptor.freeBlocks &&
        zeroBits(inodeBitmap, inodesPerGroup) === descriptor.freeInodes;
      if (!sound) throw damaged(`the bitmaps of group ${group} do not match its descriptor`);
      blocksFree += descriptor.freeBlocks;
      inodesFree += descriptor.freeInodes;
    }
    if (blocksFree !== freeBlocks || inodesFree !== freeInodes) throw damaged("the free counts do not add up");
  }

  inode(number: number): DiskInode {
    const { inodes, inodesPerGroup, seed } = this.superblock;
    if (number < 1 || number > inodes) throw damaged(`there is no inode ${number}`);
    const group = this.#groups[Math.floor((number - 1) / inodesPerGroup)] as GroupDescriptor;
    const offset = ((number - 1) % inodesPerGroup) * INODE_BYTES;
    const block = this.#tableBlock(group.inodeTable + Math.floor(offset / BLOCK_BYTES));
    return parseInode(block.subarray(offset % BLOCK_BYTES, (offset % BLOCK_BYTES) + INODE_BYTES), number, seed);
  }

  /** The names in a directory, "." and ".." among them. Of a hash tree every block must be in its place. */
  entries(inode: DiskInode): DiskEntry[] {
    const inodeSeed = seedOfInode(this.superblock.seed, inode.number, inode.generation);
    const isIndexed = (inode.flags & EXT4_INDEX_FL) !== 0;
    const entries: DiskEntry[] = [];
    const leaves = new Set<number>();
    /** Logical blocks that the root says are of the second level. */
    let nodes: ReadonlySet<number> = new Set();
    const pointed: number[] = [];
    for (const run of this.runs(inode)) {
      for (let i = 0; i < run.count; i++) {
        const block = this.readBlock(run.physical + i);
        const logical = run.logical + i;
        const where = `its directory block ${logical}`;
        const isRoot = isIndexed && logical === 0;
        if (isRoot || nodes.has(logical)) {
          const index = parseIndexBlock(block, inodeSeed, { isRoot, where });
          for (const entry of index.entries) entries.push(entry);
          if (index.levels === 1) nodes = new Set(index.children);
          else for (const child of index.children) pointed.push(child);
          continue;
        }
        leaves.add(logical);
        for (const entry of parseDirBlock(block, inodeSeed, where)) entries.push(entry);
      }
    }
    if (isIndexed && (pointed.length !== leaves.size || pointed.some((leaf) => !leaves.has(leaf)))) {
      throw damaged("its hash tree does not point at all of its blocks");
    }
    return entries;
  }

  /** The extents of an inode in order, those of the whole tree. */
  runs(inode: DiskInode): MappedRun[] {
    if ((inode.flags & EXT4_EXTENTS_FL) === 0) return [];
    const runs: MappedRun[] = [];
    this.#walkExtents(inode.iBlock, inode, runs);
    for (const [i, run] of runs.entries()) {
      const before = runs[i - 1];
      if (before && before.logical + before.count > run.logical) throw damaged("its extents overlap");
      if (run.physical + run.count > this.superblock.blocks) throw damaged("an extent of it lies past the end");
    }
    return runs;
  }

  /** Extended attributes by full name, ACLs in the form of the system calls. */
  xattrs(inode: DiskInode): Map<ByteString, Buffer> {
    const raw = parseInodeXattrs(inode.tail);
    if (inode.xattrBlock !== 0) {
      raw.push(...parseXattrBlock(this.readBlock(inode.xattrBlock), inode.xattrBlock, this.superblock.seed));
    }
    return new Map(raw.map(toXattr));
  }

  symlinkTarget(inode: DiskInode): string {
    if ((inode.flags & EXT4_EXTENTS_FL) === 0) return inode.iBlock.toString("latin1", 0, inode.size);
    const [run] = this.runs(inode);
    if (!run || inode.size >= BLOCK_BYTES) throw damaged("its target is nowhere");
    const block = this.readBlock(run.physical);
    if (!isZero(block, inode.size)) throw damaged("its target does not end where its size says");
    return block.toString("latin1", 0, inode.size);
  }

  readBlock(block: number): Buffer {
    return this.readBlocks(block, 1);
  }

  readBlocks(block: number, count: number): Buffer {
    return readExactly(this.#fd, block * BLOCK_BYTES, count * BLOCK_BYTES);
  }

  /** Every name in the image in preorder, siblings as the directories have them. */
  *walk(): Generator<ImageEntry, void, undefined> {
    const stack: { path: string; number: number }[] = [{ path: "", number: ROOT_INODE }];
    for (let next = stack.pop(); next; next = stack.pop()) {
      const inode = this.inode(next.number);
      yield { path: next.path, inode };
      if ((inode.mode & TYPE_MASK) !== S_IFDIR) continue;
      for (const entry of this.entries(inode).reverse()) {
        if (entry.name === "." || entry.name === "..") continue;
        stack.push({ path: next.path === "" ? entry.name : `${next.path}/${entry.name}`, number: entry.inodeNumber });
      }
    }
  }

  #walkExtents(node: Buffer, inode: DiskInode, runs: MappedRun[]): void {
    if (node.readUInt16LE(0) !== EXTENT_MAGIC) throw damaged("a node of its extent tree has no magic number");
    const count = node.readUInt16LE(2);
    const depth = node.readUInt16LE(6);
    if (count > node.readUInt16LE(4) || 12 + count * 12 > node.length)
      throw damaged("a node of its extent tree is too full");
    for (let at = 12; at < 12 + count * 12; at += 12) {
      const logical = node.readUInt32LE(at);
      if (depth === 0) {
        const length = node.readUInt16LE(at + 4);
        if (length === 0 || length > 32_768) throw damaged("an extent of it is empty or unwritten");
        runs.push({
          logical,
          count: length,
          physical: node.readUInt16LE(at + 6) * 2 ** 32 + node.readUInt32LE(at + 8),
        });
        continue;
      }
      const child = this.readBlock(node.readUInt16LE(at + 8) * 2 ** 32 + node.readUInt32LE(at + 4));
      const seed = seedOfInode(this.superblock.seed, inode.number, inode.generation);
      if (child.readUInt32LE(4092) !== crc32c(seed, child.subarray(0, 4092))) {
        throw damaged("the checksum of a node of its extent tree is wrong");
      }
      if (child.readUInt16LE(6) !== depth - 1) throw damaged("its extent tree has the wrong depth");
      this.#walkExtents(child, inode, runs);
    }
  }

  /** Inodes are asked for in order; one read serves many. */
  #tableBlock(block: number): Buffer {
    const { first, bytes } = this.#tableCache;
    if (first === -1 || block < first || (block - first) * BLOCK_BYTES >= bytes.length) {
      const count = Math.min(TABLE_BLOCKS_READ, this.superblock.blocks - block);
      this.#tableCache = { first: block, bytes: this.readBlocks(block, count) };
    }
    const at = (block - this.#tableCache.first) * BLOCK_BYTES;
    return this.#tableCache.bytes.subarray(at, at + BLOCK_BYTES);
  }
}

const NAMESPACES: ReadonlyMap<number, string> = new Map([
  [XATTR_USER, "user."],
  [XATTR_TRUSTED, "trusted."],
  [XATTR_SECURITY, "security."],
]);

function toXattr({ index, name, value }: RawXattr): [ByteString, Buffer] {
  if (index === XATTR_ACL_ACCESS) return ["system.posix_acl_access" as ByteString, aclFromDisk(value, "its ACL")];
  if (index === XATTR_ACL_DEFAULT)
    return ["system.posix_acl_default" as ByteString, aclFromDisk(value, "its default ACL")];
  const prefix = NAMESPACES.get(index);
  if (prefix === undefined) throw damaged(`an extended attribute of it has the unknown namespace ${index}`);
  return [(prefix + name) as ByteString, value];
}

function readExactly(fd: number, position: number, length: number): Buffer {
  const out = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const bytesRead = readSync(fd, out, done, length - done, position + done);
    if (bytesRead === 0) throw damaged(`the image ends before byte ${position + length}`);
    done += bytesRead;
  }
  return out;
}

function zeroBits(bitmap: Buffer, count: number): number {
  let zeros = 0;
  for (let bit = 0; bit < count; bit++) zeros += (((bitmap[bit >> 3] as number) >> (bit & 7)) & 1) ^ 1;
  return zeros;
}

/** Whether all bits from `from` on are set: what is no block and no inode counts as taken. */
function isOnes(bitmap: Buffer, from: number): boolean {
  for (let bit = from; bit < BLOCK_BYTES * 8; bit++)
    if ((((bitmap[bit >> 3] as number) >> (bit & 7)) & 1) === 0) return false;
  return true;
}

/** Whether all bytes from `from` on are zeros. */
export function isZero(bytes: Buffer, from = 0): boolean {
  for (let at = from; at < bytes.length; at++) if (bytes[at] !== 0) return false;
  return true;
}
