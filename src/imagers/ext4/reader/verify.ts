import type { ImagerContext } from "../../../contract/imager.ts";
import { type ByteString, fromByteString } from "../../../lib/bytes.ts";
import { throwIfAborted } from "../../../lib/context.ts";
import { assertNever, FledgeError, isFledgeError, messageOf } from "../../../lib/errors.ts";
import { readContent } from "../../../rootfs/content.ts";
import type { FileInode, InodeType } from "../../../rootfs/node.ts";
import type { SealedEntry, SealedInode, SealedTree } from "../../../rootfs/seal.ts";
import { BLOCK_BYTES } from "../structures/constants.ts";
import { type DiskEntry, type DiskInode, Ext4Reader, type MappedRun } from "./read.ts";
import { deviceNumbers } from "./read-structures.ts";
import { checkLostFound, checkMetadata } from "./verify-metadata.ts";

const LOST_FOUND = "lost+found" as ByteString;
const DOT = "." as ByteString;
const DOTS = ".." as ByteString;
const ROOT = 2;
/** Names that a directory can count; with more its link count says 1. */
const LINK_LIMIT = 65_000;
const READ_BLOCKS = 256;
const ZEROS: Buffer = Buffer.alloc(READ_BLOCKS * BLOCK_BYTES);

const FILE_TYPES: Readonly<Record<InodeType, { readonly entry: number; readonly mode: number }>> = {
  file: { entry: 1, mode: 0o100000 },
  dir: { entry: 2, mode: 0o040000 },
  char: { entry: 3, mode: 0o020000 },
  block: { entry: 4, mode: 0o060000 },
  fifo: { entry: 5, mode: 0o010000 },
  socket: { entry: 6, mode: 0o140000 },
  symlink: { entry: 7, mode: 0o120000 },
};

/**
 * Reads an image back and compares every inode with the tree it was made of: names, type, mode, owner, mtime, links and
 * their identity, attributes, device numbers, targets, sizes and all bytes, and the metadata that belongs to none. Throws a `verify` error that names the path.
 * A lost+found that the tree does not have is allowed.
 */
export async function verifyExt4(tree: SealedTree, image: string, ctx: ImagerContext): Promise<void> {
  const reader = named(image, () => Ext4Reader.open(image));
  try {
    named(image, () => checkMetadata(reader));
    const count = tree.inodes.length;
    const links: Links = { numbers: new Uint32Array(count), parents: new Uint32Array(count), seen: new Set([ROOT]) };
    links.numbers[0] = ROOT;
    links.parents[0] = ROOT;
    let doneBytes = 0;
    for (const entry of tree.entries) {
      if (!entry.isFirstName) continue;
      throwIfAborted(ctx.signal);
      await compareInode(reader, entry, links).catch((error: unknown) => {
        throw located(`/${fromByteString(entry.path)}`, error);
      });
      if (entry.inode.node.type === "file") {
        doneBytes += entry.inode.node.size;
        ctx.progress(doneBytes, tree.contentBytes);
      }
    }
    named(image, () => checkLostFound(reader));
  } finally {
    reader.close();
  }
}

/** By index in the tree, as far as names have been met: the inode's number in the image, and that of a folder's folder. */
type Links = { readonly numbers: Uint32Array; readonly parents: Uint32Array; readonly seen: Set<number> };

async function compareInode(reader: Ext4Reader, { inode }: SealedEntry, links: Links): Promise<void> {
  const { node, mtime } = inode;
  const disk = reader.inode(links.numbers[inode.index] as number);
  expectSame("generation", disk.generation, 0);
  expectSame("type", typeOf(disk), FILE_TYPES[node.type].mode.toString(8));
  expectSame("mode", (disk.mode & 0o7777).toString(8), (node.mode & 0o7777).toString(8));
  expectSame("owner", `${disk.uid}:${disk.gid}`, `${node.uid}:${node.gid}`);
  for (const name of ["mtime", "atime", "ctime", "crtime"] as const) {
    expectSame(name, `${disk[name].sec}.${disk[name].nsec}`, `${mtime.sec}.${mtime.nsec}`);
  }
  compareXattrs(reader, disk, inode);
  switch (node.type) {
    case "file":
      expectSame("link count", disk.links, inode.nlink);
      return compareContent(reader, disk, node);
    case "dir":
      return compareDirectory(reader, disk, inode, links);
    case "symlink":
      expectSame("link count", disk.links, inode.nlink);
      return expectSame("target", reader.symlinkTarget(disk), node.target);
    case "char":
    case "block":
      expectSame("link count", disk.links, inode.nlink);
      return expectSame("device number", deviceOf(disk), `${node.major}:${node.minor}`);
    case "fifo":
    case "socket":
      expectSame("link count", disk.links, inode.nlink);
      return expectSame("size", disk.size, 0);
    default:
      return assertNever(node);
  }
}

function compareDirectory(reader: Ext4Reader, disk: DiskInode, inode: SealedInode, links: Links): void {
  const found = new Map<ByteString, DiskEntry>();
  for (const entry of reader.entries(disk)) {
    if (found.has(entry.name)) throw mismatch(`has the name ${show(entry.name)} twice`);
    found.set(entry.name, entry);
  }
  expectSame('"."', found.get(DOT)?.inodeNumber, disk.number);
  expectSame('".."', found.get(DOTS)?.inodeNumber, links.parents[inode.index] as number);
  found.delete(DOT);
  found.delete(DOTS);

  let subdirectories = 0;
  for (const { name, inode: child } of inode.entries) {
    const entry = found.get(name);
    if (entry === undefined) throw mismatch(`lacks the name ${show(name)}`);
    found.delete(name);
    expectSame(`type of the name ${show(name)}`, entry.fileType, FILE_TYPES[child.node.type].entry);
    if (child.node.type === "dir") {
      subdirectories += 1;
      links.parents[child.index] = disk.number;
    }
    matchIdentity(entry, child, links);
  }
  if (inode.index === 0 && found.delete(LOST_FOUND)) subdirectories += 1;
  const [extra] = found.keys();
  if (extra !== undefined) throw mismatch(`has the name ${show(extra)}, which the tree has not`);
  const expected = subdirectories + 2;
  expectSame("link count", disk.links, expected > LINK_LIMIT ? 1 : expected);
}

/** Names of one inode of the tree are names of one inode of the image, and of no other. */
function matchIdentity({ name, inodeNumber }: DiskEntry, child: SealedInode, { numbers, seen }: Links): void {
  const known = numbers[child.index] as number;
  if (known !== 0) {
    expectSame(`inode of the name ${show(name)}`, inodeNumber, known);
    return;
  }
  if (seen.has(inodeNumber)) throw mismatch(`has in ${show(name)} one more name of inode ${inodeNumber}, another file`);
  seen.add(inodeNumber);
  numbers[child.index] = inodeNumber;
}

function compareXattrs(reader: Ext4Reader, disk: DiskInode, { node }: SealedInode): void {
  const found = reader.xattrs(disk);
  for (const [name, value] of node.xattrs) {
    const actual = found.get(name);
    if (actual === undefined) throw mismatch(`lacks the extended attribute ${fromByteString(name)}`);
    const expected = name.startsWith("system.posix_acl_") ? canonicalAcl(value) : value;
    if (!actual.equals(expected)) throw mismatch(`has another value in the extended attribute ${fromByteString(name)}`);
  }
  for (const name of found.keys()) {
    if (!node.xattrs.has(name))
      throw mismatch(`has the extended attribute ${fromByteString(name)}, which the tree has not`);
  }
}

/** Ids of entries that name nobody say nothing; the kernel hands out -1 for them. */
function canonicalAcl(value: Uint8Array): Buffer {
  const out = Buffer.from(value);
  for (let at = 4; at + 8 <= out.length; at += 8) {
    const tag = out.readUInt16LE(at);
    if (tag !== 2 && tag !== 8) out.writeUInt32LE(0xffffffff, at + 4);
  }
  return out;
}

async function compareContent(reader: Ext4Reader, disk: DiskInode, file: FileInode): Promise<void> {
  expectSame("size", disk.size, file.size);
  const content = new ImageContent(reader, reader.runs(disk));
  let at = 0;
  for await (const chunk of readContent(file)) {
    content.compareZeros(at, chunk.at);
    content.compare(chunk.at, chunk.bytes);
    at = chunk.at + chunk.bytes.length;
  }
  content.compareZeros(at, Math.ceil(file.size / BLOCK_BYTES) * BLOCK_BYTES);
}

/** The bytes of one file in the image, compared in ascending order. */
class ImageContent {
  readonly #reader: Ext4Reader;
  readonly #runs: readonly MappedRun[];
  #next = 0;

  constructor(reader: Ext4Reader, runs: readonly MappedRun[]) {
    this.#reader = reader;
    this.#runs = runs;
  }

  compare(at: number, expected: Uint8Array): void {
    for (let done = 0; done < expected.length; ) {
      const { bytes, length } = this.#piece(at + done, expected.length - done);
      const part = expected.subarray(done, done + length);
      const same = bytes ? bytes.equals(part) : ZEROS.subarray(0, length).equals(part);
      if (!same) throw mismatch(`has other bytes from offset ${at + done} on`);
      done += length;
    }
  }

  /** Zeros from `at` to `end`; holes need no look. */
  compareZeros(at: number, end: number): void {
    for (let done = at; done < end; ) {
      const { bytes, length } = this.#piece(done, end - done);
      if (bytes && !ZEROS.subarray(0, length).equals(bytes)) {
        throw mismatch(`has other bytes than zeros from offset ${done} on`);
      }
      done += length;
    }
  }

  /** The next bytes of the image from `at` on, at most `max` of them; a hole has a length but no bytes. */
  #piece(at: number, max: number): { readonly bytes: Buffer | undefined; readonly length: number } {
    const block = Math.floor(at / BLOCK_BYTES);
    let run = this.#runs[this.#next];
    while (run && run.logical + run.count <= block) run = this.#runs[++this.#next];
    if (!run || block < run.logical) {
      const holeEnd = run ? run.logical * BLOCK_BYTES : Number.POSITIVE_INFINITY;
      return { bytes: undefined, length: Math.min(max, holeEnd - at, ZEROS.length) };
    }
    const skip = at - block * BLOCK_BYTES;
    const wanted = Math.ceil((skip + max) / BLOCK_BYTES);
    const blocks = Math.min(wanted, READ_BLOCKS, run.logical + run.count - block);
    const bytes = this.#reader.readBlocks(run.physical + block - run.logical, blocks);
    const length = Math.min(max, bytes.length - skip);
    return { bytes: bytes.subarray(skip, skip + length), length };
  }
}

function typeOf(disk: DiskInode): string {
  return (disk.mode & 0o170000).toString(8);
}

function deviceOf(disk: DiskInode): string {
  const { major, minor } = deviceNumbers(disk);
  return `${major}:${minor}`;
}

function named<T>(where: string, compare: () => T): T {
  try {
    return compare();
  } catch (error) {
    throw located(where, error);
  }
}

/** Says where a difference is; other foreseen errors pass unchanged. */
function located(where: string, error: unknown): FledgeError {
  if (isFledgeError(error) && error.code !== "verify") return error;
  return new FledgeError("verify", `${where}: ${messageOf(error)}`, {
    hint: "the image is not what was meant; build again, and report it if it stays so",
    cause: error,
  });
}

function expectSame<T extends string | number | undefined>(what: string, actual: T, expected: T): void {
  if (actual !== expected) throw mismatch(`${what} is ${actual}, not ${expected}`);
}

function mismatch(what: string): FledgeError {
  return new FledgeError("verify", what);
}

function show(name: ByteString): string {
  return JSON.stringify(fromByteString(name));
}
