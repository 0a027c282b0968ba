import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { ByteString } from "../../../lib/bytes.ts";
import { aclFromDisk } from "../structures/acl.ts";
import {
  BLOCK_BYTES,
  EXT4_EXTENTS_FL,
  EXT4_INDEX_FL,
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
import { extentRuns, indirectRuns, type MappedRun } from "./block-map.ts";
import {
  type DiskEntry,
  type DiskInode,
  parseAnyDirBlock,
  parseDirBlock,
  parseIndexBlock,
  parseInlineDir,
  parseInode,
  parseInodeXattrs,
  parseXattrBlock,
  type RawXattr,
  seedOfInode,
} from "./read-structures.ts";
import { damaged, type GroupDescriptor, parseDescriptor, parseSuperblock, type Superblock } from "./superblock.ts";

export type { MappedRun } from "./block-map.ts";
export type { DiskEntry, DiskInode } from "./read-structures.ts";

/** A name in the image; `path` has no leading slash and the root's is empty. */
export type ImageEntry = { readonly path: string; readonly inode: DiskInode };

const TYPE_MASK = 0o170000;
/** i_flags, and how many bytes of an inode are a map or the data itself. */
const INLINE_DATA_FL = 0x10000000;
const INLINE_BYTES = 60;
const XATTR_SYSTEM = 7;
/** Inodes that follow each other are read together; a tree that another made jumps between several such places. */
const WINDOW_BLOCKS = 16;
const MAX_WINDOWS = 64;
const NO_XATTRS: ReadonlyMap<ByteString, Buffer> = new Map();

/**
 * An open ext4 image. Everything read is checked against its metadata checksum; a mismatch and a structure that makes no
 * sense throw a `verify` error. Reads are synchronous: nearly all are of one block. `names` and `map` read any ext4;
 * `entries` and `runs` what fledge writes, and are as strict as `--verify` is.
 */
export class Ext4Reader {
  readonly superblock: Superblock;
  readonly #fd: number;
  readonly #groups: readonly GroupDescriptor[];
  /** Blocks of the inode tables by their first one, the oldest first. */
  readonly #windows = new Map<number, Buffer>();

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
      const { groups: count, descriptorBytes, firstBlock, blockBytes, blocks } = superblock;
      if (fstatSync(fd).size < blocks * blockBytes) throw damaged(`the image ends before byte ${blocks * blockBytes}`);
      const table = readExactly(fd, (firstBlock + 1) * blockBytes, count * descriptorBytes);
      const groups = Array.from({ length: count }, (_, group) =>
        parseDescriptor(table.subarray(group * descriptorBytes, (group + 1) * descriptorBytes), group, superblock),
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
    const { blocks, inodes, inodesPerGroup, inodeBytes, blockBytes } = this.superblock;
    if (number < 1 || number > inodes) throw damaged(`there is no inode ${number}`);
    const group = this.#groups[Math.floor((number - 1) / inodesPerGroup)] as GroupDescriptor;
    const offset = ((number - 1) % inodesPerGroup) * inodeBytes;
    const block = group.inodeTable + Math.floor(offset / blockBytes);
    if (block >= blocks) throw damaged(`it points at block ${block}, past the end`);
    const first = block - (block % WINDOW_BLOCKS);
    const at = (block - first) * blockBytes + (offset % blockBytes);
    return parseInode(this.#window(first).subarray(at, at + inodeBytes), number, this.superblock);
  }

  /** The names in a directory, "." and ".." among them. Of a hash tree every block must be in its place. */
  entries(inode: DiskInode): DiskEntry[] {
    const inodeSeed = seedOfInode(this.superblock.seed, inode.number, 0);
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

  /** What a directory of any ext4 has, "." and ".." among it, its hash tree being taken for the blocks that it is in. */
  names(inode: DiskInode): DiskEntry[] {
    const { seed, hasChecksums, blockBytes } = this.superblock;
    if ((inode.flags & INLINE_DATA_FL) !== 0) {
      return parseInlineDir(this.inlineData(inode), INLINE_BYTES, "its inode");
    }
    const inodeSeed = hasChecksums ? seedOfInode(seed, inode.number, inode.generation) : undefined;
    const entries: DiskEntry[] = [];
    for (const run of this.map(inode)) {
      for (let i = 0; i < run.count && (run.logical + i) * blockBytes < inode.size; i++) {
        const where = `its directory block ${run.logical + i}`;
        // The root of a hash tree still has the tail of the block that it was before, with a checksum of its own in it.
        const isRoot = run.logical + i === 0 && (inode.flags & EXT4_INDEX_FL) !== 0;
        const blockSeed = isRoot ? undefined : inodeSeed;
        for (const entry of parseAnyDirBlock(this.readBlock(run.physical + i), blockSeed, where)) entries.push(entry);
      }
    }
    return entries;
  }

  /** The extents of an inode in order, those of the whole tree; one that is unwritten, as fledge writes none, is refused. */
  runs(inode: DiskInode): MappedRun[] {
    return (inode.flags & EXT4_EXTENTS_FL) === 0 ? [] : extentRuns(this, inode, "refused");
  }

  /** Where the bytes of a file of any ext4 are, whatever its inode has for a map; what is left out are zeros. */
  map(inode: DiskInode): MappedRun[] {
    if ((inode.flags & EXT4_EXTENTS_FL) !== 0) return extentRuns(this, inode, "skipped");
    return indirectRuns(this, inode);
  }

  /** The bytes that a small file has in its inode (`inline_data`): first in its map's place, then in an attribute. */
  inlineData(inode: DiskInode): Buffer {
    const rest = parseInodeXattrs(inode.tail).find(isInlineData)?.value ?? Buffer.alloc(0);
    return Buffer.concat([inode.iBlock, rest]).subarray(0, inode.size);
  }

  /** Extended attributes by full name, ACLs in the form of the system calls. */
  xattrs(inode: DiskInode): ReadonlyMap<ByteString, Buffer> {
    const raw = parseInodeXattrs(inode.tail);
    if (inode.xattrBlock !== 0) {
      const { seed, hasChecksums } = this.superblock;
      const block = this.readBlock(inode.xattrBlock);
      raw.push(...parseXattrBlock(block, inode.xattrBlock, hasChecksums ? seed : undefined));
    }
    const own = raw.filter((xattr) => !isInlineData(xattr));
    return own.length === 0 ? NO_XATTRS : new Map(own.map(toXattr));
  }

  symlinkTarget(inode: DiskInode): string {
    if ((inode.flags & INLINE_DATA_FL) !== 0) return this.inlineData(inode).toString("latin1");
    if ((inode.flags & EXT4_EXTENTS_FL) === 0 && inode.size <= inode.iBlock.length) {
      return inode.iBlock.toString("latin1", 0, inode.size);
    }
    const [run] = this.map(inode);
    if (!run || inode.size >= this.superblock.blockBytes) throw damaged("its target is nowhere");
    const block = this.readBlock(run.physical);
    if (!isZero(block, inode.size)) throw damaged("its target does not end where its size says");
    return block.toString("latin1", 0, inode.size);
  }

  readBlock(block: number): Buffer {
    return this.readBlocks(block, 1);
  }

  readBlocks(block: number, count: number): Buffer {
    const { blocks, blockBytes } = this.superblock;
    if (block + count > blocks) throw damaged(`it points at block ${block + count - 1}, past the end`);
    return readExactly(this.#fd, block * blockBytes, count * blockBytes);
  }

  /** Fills `out` with bytes of the image. */
  readInto(out: Buffer, position: number): void {
    fill(this.#fd, out, position);
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

  #window(first: number): Buffer {
    const known = this.#windows.get(first);
    if (known !== undefined) return known;
    const window = this.readBlocks(first, Math.min(WINDOW_BLOCKS, this.superblock.blocks - first));
    if (this.#windows.size === MAX_WINDOWS) this.#windows.delete(this.#windows.keys().next().value as number);
    this.#windows.set(first, window);
    return window;
  }
}

const NAMESPACES: ReadonlyMap<number, string> = new Map([
  [XATTR_USER, "user."],
  [XATTR_TRUSTED, "trusted."],
  [XATTR_SECURITY, "security."],
  [XATTR_SYSTEM, "system."],
]);

function isInlineData({ index, name }: RawXattr): boolean {
  return index === XATTR_SYSTEM && name === "data";
}

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
  fill(fd, out, position);
  return out;
}

function fill(fd: number, out: Buffer, position: number): void {
  for (let done = 0; done < out.length; ) {
    const bytesRead = readSync(fd, out, done, out.length - done, position + done);
    if (bytesRead === 0) throw damaged(`the image ends before byte ${position + out.length}`);
    done += bytesRead;
  }
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
