import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { ByteString } from "../../../lib/bytes.ts";
import { FledgeError, messageOf } from "../../../lib/errors.ts";
import { LimitCounter } from "../../../rootfs/limits.ts";
import {
  type DirInode,
  type ImageContent,
  type Inode,
  type Metadata,
  NO_XATTRS,
  type Segment,
  type Xattrs,
} from "../../../rootfs/node.ts";
import type { ImageFacts, ReadImage } from "../../read-image.ts";
import { inflaterOf, SquashBlocks } from "./blocks.ts";
import { readInode, type SquashFile, type SquashInode } from "./inode.ts";
import { damaged, parseSuperblock, type Reference, type SquashSuperblock, SUPERBLOCK_BYTES } from "./superblock.ts";
import { SquashTables } from "./tables.ts";

/** What the superblock says. Throws an `image` error where it is none of squashfs. */
export function squashfsHead(path: string): { readonly facts: ImageFacts; readonly isNative: boolean } {
  const fd = openSync(path, "r");
  try {
    const superblock = naming(path, () => readSuperblock(fd));
    return { facts: factsOf(superblock), isNative: inflaterOf(superblock.compression) !== undefined };
  } finally {
    closeSync(fd);
  }
}

/**
 * Reads the tree of a squashfs image in a codec that Node has; contents stay in the image. Throws an `image` error where it
 * is damaged, and an `internal` one for another codec, which `squashfsHead` tells of.
 */
export function readSquashfs(path: string): ReadImage {
  const fd = openSync(path, "r");
  try {
    const superblock = naming(path, () => readSuperblock(fd));
    const inflate = inflaterOf(superblock.compression);
    if (inflate === undefined) throw new FledgeError("internal", `${superblock.compression} is not unpacked by Node`);
    const root = naming(path, () => new TreeReader(new SquashBlocks(fd, inflate), superblock, path).read());
    return { root, facts: factsOf(superblock), close: async () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function readSuperblock(fd: number): SquashSuperblock {
  const raw = Buffer.alloc(SUPERBLOCK_BYTES);
  if (readSync(fd, raw, 0, raw.length, 0) < raw.length) throw damaged("it is too short");
  const superblock = parseSuperblock(raw);
  if (fstatSync(fd).size < superblock.bytesUsed) throw damaged(`the image ends before byte ${superblock.bytesUsed}`);
  return superblock;
}

function factsOf({ inodes, blockBytes, compression, bytesUsed }: SquashSuperblock): ImageFacts {
  return { usedBytes: bytesUsed, blockBytes, inodes, compression };
}

const LISTING_HEAD = 12;
const MAX_ENTRIES = 256;
/** Of all files together: half a terabyte in blocks of the usual size. */
const MOST_BLOCKS = 2 ** 22;

class TreeReader {
  readonly #blocks: SquashBlocks;
  readonly #tables: SquashTables;
  readonly #superblock: SquashSuperblock;
  readonly #path: string;
  readonly #linked = new Map<number, Inode>();
  readonly #folders = new Set<string>();
  readonly #counter: LimitCounter;
  readonly #xattrs = new Map<number, Xattrs>();
  #blocksLeft = MOST_BLOCKS;

  constructor(blocks: SquashBlocks, superblock: SquashSuperblock, path: string) {
    this.#blocks = blocks;
    this.#superblock = superblock;
    this.#path = path;
    this.#counter = new LimitCounter(path);
    this.#tables = new SquashTables(blocks, superblock);
  }

  read(): DirInode {
    const { inode: root, disk } = this.#inodeAt(this.#superblock.rootInode);
    if (root.type !== "dir" || disk.type !== "dir") throw damaged("its root is no folder");
    const stack = [{ dir: root, disk }];
    for (let next = stack.pop(); next; next = stack.pop()) {
      for (const { name, reference } of this.#listing(next.disk)) {
        this.#counter.addEntry(name);
        const child = this.#inodeAt(reference);
        next.dir.children.set(name, child.inode);
        if (child.inode.type === "dir" && child.disk.type === "dir") stack.push({ dir: child.inode, disk: child.disk });
      }
    }
    return root;
  }

  *#listing(disk: Extract<SquashInode, { type: "dir" }>): Generator<{ name: ByteString; reference: Reference }> {
    const cursor = this.#blocks.cursor(this.#superblock.directoryTable, disk);
    for (let left = disk.listingBytes; left > 0; ) {
      const head = cursor.take(LISTING_HEAD);
      const count = head.readUInt32LE(0) + 1;
      if (count > MAX_ENTRIES) throw damaged(`a folder of it has ${count} names in a row`);
      left -= LISTING_HEAD;
      for (let i = 0; i < count; i++) {
        const entry = cursor.take(8);
        const nameBytes = entry.readUInt16LE(6) + 1;
        const name = cursor.take(nameBytes).toString("latin1") as ByteString;
        if (/[/\0]/.test(name) || name === "." || name === "..")
          throw damaged("a folder has a name that none may have");
        left -= 8 + nameBytes;
        yield { name, reference: { block: head.readUInt32LE(4), offset: entry.readUInt16LE(0) } };
      }
    }
  }

  #inodeAt(reference: Reference): { readonly inode: Inode; readonly disk: SquashInode } {
    const { inodeTable, blockBytes } = this.#superblock;
    const limits = { blockBytes, mostBlocks: this.#blocksLeft };
    const disk = readInode(this.#blocks.cursor(inodeTable, reference), limits);
    const known = this.#linked.get(disk.number);
    if (known !== undefined && disk.type !== "dir") return { inode: known, disk };
    if (disk.type === "file") this.#blocksLeft -= disk.file.sizes.length;
    if (disk.type === "dir") {
      const key = `${reference.block} ${reference.offset}`;
      if (this.#folders.has(key)) throw damaged("a folder of it has two names");
      this.#folders.add(key);
    }
    const inode = this.#newInode(disk);
    if (disk.type !== "dir" && disk.links > 1) this.#linked.set(disk.number, inode);
    return { inode, disk };
  }

  #newInode(disk: SquashInode): Inode {
    const metadata: Metadata = {
      mode: disk.mode,
      uid: this.#tables.id(disk.uid),
      gid: this.#tables.id(disk.gid),
      mtime: { sec: disk.mtime, nsec: 0 },
      xattrs: disk.xattr === undefined ? NO_XATTRS : this.#xattrsAt(disk.xattr),
    };
    switch (disk.type) {
      case "dir":
        return { type: "dir", ...metadata, children: new Map() };
      case "file":
        return { type: "file", ...metadata, size: disk.file.size, content: this.#contentOf(disk.file) };
      case "symlink":
        return { type: "symlink", ...metadata, mode: 0o777, target: disk.target as ByteString };
      case "char":
      case "block":
        return { type: disk.type, ...metadata, ...numbersOf(disk.device) };
      default:
        return { type: disk.type, ...metadata };
    }
  }

  /** Inodes that have the same attributes share them. */
  #xattrsAt(position: number): Xattrs {
    const known = this.#xattrs.get(position);
    if (known !== undefined) return known;
    const xattrs = this.#tables.xattrs(position);
    this.#counter.addXattrs(xattrs);
    this.#xattrs.set(position, xattrs);
    return xattrs;
  }

  #contentOf(file: SquashFile): ImageContent {
    return new SquashContent(file, this.#blocks, {
      blockBytes: this.#superblock.blockBytes,
      fragment: (position) => this.#tables.fragment(position),
      path: this.#path,
    });
  }
}

/** As the kernel's new_decode_dev takes a device number apart. */
function numbersOf(device: number): { readonly major: number; readonly minor: number } {
  return { major: (device >>> 8) & 0xfff, minor: ((device >>> 12) & 0xfff00) | (device & 0xff) };
}

type Shape = {
  readonly blockBytes: number;
  readonly fragment: (position: number) => { readonly at: number; readonly size: number };
  readonly path: string;
};

class SquashContent implements ImageContent {
  readonly kind = "image";
  readonly #file: SquashFile;
  readonly #blocks: SquashBlocks;
  readonly #shape: Shape;

  constructor(file: SquashFile, blocks: SquashBlocks, shape: Shape) {
    this.#file = file;
    this.#blocks = blocks;
    this.#shape = shape;
  }

  get segments(): readonly Segment[] {
    const { size, sizes } = this.#file;
    const { blockBytes } = this.#shape;
    const segments: { at: number; length: number }[] = [];
    for (let at = 0; at < size; at += blockBytes) {
      if (sizes[at / blockBytes] === 0) continue;
      const length = Math.min(blockBytes, size - at);
      const last = segments.at(-1);
      if (last !== undefined && last.at + last.length === at) last.length += length;
      else segments.push({ at, length });
    }
    return segments;
  }

  read(out: Buffer, at: number): void {
    const { blockBytes, path } = this.#shape;
    naming(path, () => {
      for (let done = 0; done < out.length; ) {
        const index = Math.floor((at + done) / blockBytes);
        const skip = (at + done) % blockBytes;
        const length = Math.min(out.length - done, blockBytes - skip);
        const bytes = this.#block(index).subarray(skip, skip + length);
        if (bytes.length < length) throw damaged("a block of data is too short");
        bytes.copy(out, done);
        done += length;
      }
    });
  }

  #block(index: number): Buffer {
    const { sizes, start, fragment, fragmentOffset } = this.#file;
    const { blockBytes } = this.#shape;
    if (index >= sizes.length) {
      if (fragment === undefined) throw damaged("a file has no such block");
      const { at, size } = this.#shape.fragment(fragment);
      return this.#blocks.data(at, size, blockBytes).subarray(fragmentOffset);
    }
    const size = sizes[index] as number;
    if (size === 0) return Buffer.alloc(blockBytes);
    return this.#blocks.data(start + this.#startOf(index), size, blockBytes);
  }

  /** What was asked for last is mostly just before: to add up all blocks for each would take the square of their number. */
  #last = { index: 0, bytes: 0 };

  #startOf(index: number): number {
    let { index: from, bytes } = this.#last.index <= index ? this.#last : { index: 0, bytes: 0 };
    for (; from < index; from++) bytes += (this.#file.sizes[from] as number) % 0x1000000;
    this.#last = { index, bytes };
    return bytes;
  }
}

function naming<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new FledgeError("image", `${path} cannot be read as squashfs: ${messageOf(error)}`, { cause: error });
  }
}
