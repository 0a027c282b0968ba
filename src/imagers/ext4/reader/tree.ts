import type { ByteString } from "../../../lib/bytes.ts";
import { FledgeError, messageOf } from "../../../lib/errors.ts";
import { LimitCounter } from "../../../rootfs/limits.ts";
import type { DirInode, ImageContent, Inode, Metadata, Segment } from "../../../rootfs/node.ts";
import type { ReadImage } from "../../read-image.ts";
import { ROOT_INODE } from "../structures/constants.ts";
import { type DiskInode, Ext4Reader, type MappedRun } from "./read.ts";
import { deviceNumbers } from "./read-structures.ts";
import { damaged } from "./superblock.ts";

const INLINE_DATA_FL = 0x10000000;
const HOLE_PIECE = 1024 * 1024;

/**
 * Reads the tree of an ext4 image, whoever has made it. Contents stay in the image and are read when they are asked for.
 * Throws an `image` error where it is damaged, or has a feature that fledge does not read.
 */
export function readExt4(path: string): ReadImage {
  const reader = naming(path, () => Ext4Reader.open(path));
  try {
    const root = naming(path, () => new TreeReader(reader, path).read());
    return { root, facts: factsOf(reader), close: async () => reader.close() };
  } catch (error) {
    reader.close();
    throw error;
  }
}

function factsOf({ superblock }: Ext4Reader): ReadImage["facts"] {
  const { blocks, blockBytes, freeBlocks, inodes, freeInodes, features, label, uuid } = superblock;
  return {
    logicalBytes: blocks * blockBytes,
    usedBytes: (blocks - freeBlocks) * blockBytes,
    blockBytes,
    blocks,
    freeBlocks,
    inodes,
    freeInodes,
    features: features.toSorted(),
    ...(label !== "" && { label }),
    uuid,
  };
}

class TreeReader {
  readonly #reader: Ext4Reader;
  readonly #path: string;
  /** By their numbers, those that may have a second name. */
  readonly #linked = new Map<number, Inode>();
  readonly #folders = new Set<number>([ROOT_INODE]);
  readonly #counter: LimitCounter;

  constructor(reader: Ext4Reader, path: string) {
    this.#reader = reader;
    this.#path = path;
    this.#counter = new LimitCounter(path);
  }

  read(): DirInode {
    const disk = this.#reader.inode(ROOT_INODE);
    const root = this.#newInode(disk);
    if (root.type !== "dir") throw damaged("its root is no folder");
    // An explicit stack: an image may nest deeper than calls may.
    const stack = [{ disk, dir: root }];
    for (let next = stack.pop(); next; next = stack.pop()) {
      for (const { name, inodeNumber } of this.#reader.names(next.disk)) {
        if (name === "." || name === "..") continue;
        if (name === "" || /[/\0]/.test(name)) throw damaged("a folder has a name that none may have");
        this.#counter.addEntry(name);
        const child = this.#inodeOf(inodeNumber);
        next.dir.children.set(name, child.inode);
        if (child.inode.type === "dir") stack.push({ disk: child.disk as DiskInode, dir: child.inode });
      }
    }
    return root;
  }

  #inodeOf(number: number): { readonly inode: Inode; readonly disk?: DiskInode } {
    const known = this.#linked.get(number);
    if (known !== undefined) return { inode: known };
    const disk = this.#reader.inode(number);
    const inode = this.#newInode(disk);
    if (inode.type !== "dir") {
      if (disk.links > 1) this.#linked.set(number, inode);
      return { inode, disk };
    }
    if (this.#folders.has(number)) throw damaged(`the folder of inode ${number} has two names`);
    this.#folders.add(number);
    return { inode, disk };
  }

  #newInode(disk: DiskInode): Inode {
    const xattrs = this.#reader.xattrs(disk);
    this.#counter.addXattrs(xattrs);
    const { uid, gid, mtime } = disk;
    const metadata: Metadata = {
      mode: disk.mode & 0o7777,
      uid,
      gid,
      mtime,
      xattrs,
    };
    switch (disk.mode & 0o170000) {
      case 0o100000:
        return { type: "file", ...metadata, size: disk.size, content: this.#contentOf(disk) };
      case 0o040000:
        return { type: "dir", ...metadata, children: new Map() };
      case 0o120000:
        return { type: "symlink", ...metadata, target: this.#reader.symlinkTarget(disk) as ByteString };
      case 0o020000:
        return { type: "char", ...metadata, ...deviceNumbers(disk) };
      case 0o060000:
        return { type: "block", ...metadata, ...deviceNumbers(disk) };
      case 0o010000:
        return { type: "fifo", ...metadata };
      case 0o140000:
        return { type: "socket", ...metadata };
      default:
        throw damaged(`inode ${disk.number} is of no type`);
    }
  }

  #contentOf(disk: DiskInode): Extract<Inode, { type: "file" }>["content"] {
    if ((disk.flags & INLINE_DATA_FL) === 0) return new Ext4Content(this.#reader, disk.number, this.#path);
    const bytes = this.#reader.inlineData(disk);
    // Behind what the inode holds a file may have grown by zeros.
    return { kind: "inline", bytes: Buffer.concat([bytes, Buffer.alloc(disk.size - bytes.length)]) };
  }
}

/** A file of the image. Its map is read with its first byte: of all files of an image it would take as much as the tree. */
class Ext4Content implements ImageContent {
  readonly kind = "image";
  readonly #reader: Ext4Reader;
  readonly #number: number;
  readonly #path: string;

  constructor(reader: Ext4Reader, number: number, path: string) {
    this.#reader = reader;
    this.#number = number;
    this.#path = path;
  }

  get segments(): readonly Segment[] {
    const { blockBytes } = this.#reader.superblock;
    const { size, runs } = this.#map();
    return runs.flatMap(({ logical, count }) => {
      const at = logical * blockBytes;
      return at >= size ? [] : [{ at, length: Math.min(count * blockBytes, size - at) }];
    });
  }

  read(out: Buffer, at: number): void {
    const { blockBytes } = this.#reader.superblock;
    const { runs } = this.#map();
    for (let done = 0; done < out.length; ) {
      const position = at + done;
      const run = runs[findRun(runs, Math.floor(position / blockBytes))];
      const start = run === undefined ? Number.POSITIVE_INFINITY : run.logical * blockBytes;
      if (run === undefined || position < start) {
        const length = Math.min(out.length - done, start - position, HOLE_PIECE);
        out.fill(0, done, done + length);
        done += length;
        continue;
      }
      const length = Math.min(out.length - done, start + run.count * blockBytes - position);
      this.#reader.readInto(out.subarray(done, done + length), run.physical * blockBytes + position - start);
      done += length;
    }
  }

  #map(): { readonly size: number; readonly runs: readonly MappedRun[] } {
    return naming(this.#path, () => lastMap(this.#reader, this.#number));
  }
}

type LastMap = { readonly number: number; readonly size: number; readonly runs: readonly MappedRun[] };

/** Of each image the file that was read last: one is read in many pieces. */
const maps = new WeakMap<Ext4Reader, LastMap>();

function lastMap(reader: Ext4Reader, number: number): LastMap {
  const last = maps.get(reader);
  if (last?.number === number) return last;
  const disk = reader.inode(number);
  const found = { number, size: disk.size, runs: reader.map(disk) };
  maps.set(reader, found);
  return found;
}

/** The first run that ends behind a block. */
function findRun(runs: readonly MappedRun[], block: number): number {
  let [low, high] = [0, runs.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const { logical, count } = runs[middle] as MappedRun;
    if (logical + count <= block) low = middle + 1;
    else high = middle;
  }
  return low;
}

function naming<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const hint = error instanceof FledgeError ? error.hint : undefined;
    throw new FledgeError("image", `${path} cannot be read as ext4: ${messageOf(error)}`, {
      hint: hint ?? "e2fsck -fn says what is wrong with it",
      cause: error,
    });
  }
}
