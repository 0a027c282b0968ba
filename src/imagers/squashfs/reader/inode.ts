import type { Cursor } from "./blocks.ts";
import { damaged } from "./superblock.ts";

/*
 * An inode is a header of 16 bytes and what its type has (kernel: fs/squashfs/squashfs_fs.h). Types from 8 on are those of
 * 1 to 7 with a link count, attributes and wider fields.
 *
 *   0 inode_type u16   2 mode u16   4 uid u16   6 gid u16   8 mtime u32   12 inode_number u32
 *
 *   dir       start_block u32, nlink u32, file_size u16, offset u16, parent u32
 *   file      start_block u32, fragment u32, offset u32, file_size u32, block_list u32[]
 *   symlink   nlink u32, symlink_size u32, symlink[]
 *   device    nlink u32, rdev u32
 *   ipc       nlink u32
 *   dir+      nlink u32, file_size u32, start_block u32, parent u32, i_count u16, offset u16, xattr u32, index[]
 *   file+     start_block u64, file_size u64, sparse u64, nlink u32, fragment u32, offset u32, xattr u32, block_list u32[]
 *   others+   as without, then xattr u32
 */
export type SquashInode = {
  readonly number: number;
  readonly mode: number;
  /** Places in the table of ids. */
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  readonly links: number;
  readonly xattr: number | undefined;
} & (
  | { readonly type: "dir"; readonly block: number; readonly offset: number; readonly listingBytes: number }
  | { readonly type: "file"; readonly file: SquashFile }
  | { readonly type: "symlink"; readonly target: string }
  | { readonly type: "char" | "block"; readonly device: number }
  | { readonly type: "fifo" | "socket" }
);

/** Where a file's blocks are: one after the other from `start` on, and its end in a fragment that it shares. */
export type SquashFile = {
  readonly size: number;
  readonly start: number;
  /** The size of each block in the image; 0 is a hole. */
  readonly sizes: Uint32Array;
  readonly fragment: number | undefined;
  readonly fragmentOffset: number;
};

const NONE = 0xffffffff;
const TYPES = ["dir", "file", "symlink", "block", "char", "fifo", "socket"] as const;
const MAX_TARGET_BYTES = 65_536;
/** A listing counts "." and "..", which it does not have, as three bytes. */
const DOTS_BYTES = 3;

type Shape = {
  readonly cursor: Cursor;
  readonly isWide: boolean;
  readonly blockBytes: number;
  readonly mostBlocks: number;
};

/** Reads an inode from where `cursor` stands. Of a file of more than `mostBlocks` nothing is read. */
export function readInode(cursor: Cursor, limits: Pick<Shape, "blockBytes" | "mostBlocks">): SquashInode {
  const header = cursor.take(16);
  const number = header.readUInt16LE(0);
  const type = TYPES[(number - 1) % TYPES.length];
  if (type === undefined || number < 1 || number > 2 * TYPES.length) throw damaged(`it has an inode of type ${number}`);
  const base = {
    number: header.readUInt32LE(12),
    mode: header.readUInt16LE(2) & 0o7777,
    uid: header.readUInt16LE(4),
    gid: header.readUInt16LE(6),
    mtime: header.readUInt32LE(8),
  };
  const shape = { cursor, isWide: number > TYPES.length, ...limits };
  switch (type) {
    case "dir":
      return { ...base, type, ...readFolder(shape) };
    case "file":
      return { ...base, type, ...readFile(shape) };
    case "symlink":
      return { ...base, type, ...readLink(shape) };
    default: {
      const links = cursor.take(4).readUInt32LE(0);
      if (type === "fifo" || type === "socket") return { ...base, type, links, xattr: xattrOf(shape) };
      return { ...base, type, links, device: cursor.take(4).readUInt32LE(0), xattr: xattrOf(shape) };
    }
  }
}

type Rest<T extends SquashInode["type"]> = Omit<
  Extract<SquashInode, { type: T }>,
  "type" | "number" | "mode" | "uid" | "gid" | "mtime"
>;

function readFolder({ cursor, isWide }: Shape): Rest<"dir"> {
  const raw = cursor.take(isWide ? 24 : 16);
  const listed = (bytes: number): number => Math.max(0, bytes - DOTS_BYTES);
  if (!isWide) {
    const [block, links, bytes] = [raw.readUInt32LE(0), raw.readUInt32LE(4), raw.readUInt16LE(8)];
    return { block, links, listingBytes: listed(bytes), offset: raw.readUInt16LE(10), xattr: undefined };
  }
  return {
    links: raw.readUInt32LE(0),
    listingBytes: listed(raw.readUInt32LE(4)),
    block: raw.readUInt32LE(8),
    offset: raw.readUInt16LE(18),
    xattr: placeOf(raw.readUInt32LE(20)),
  };
}

function readFile({ cursor, isWide, blockBytes, mostBlocks }: Shape): Rest<"file"> {
  const raw = cursor.take(isWide ? 40 : 16);
  const size = isWide ? Number(raw.readBigUInt64LE(8)) : raw.readUInt32LE(12);
  const at = isWide ? 28 : 4;
  const fragment = placeOf(raw.readUInt32LE(at));
  const blocks = fragment === undefined ? Math.ceil(size / blockBytes) : Math.floor(size / blockBytes);
  if (blocks > mostBlocks) throw damaged(`a file of it has ${size} bytes`);
  const list = cursor.take(blocks * 4);
  const file = {
    size,
    start: isWide ? Number(raw.readBigUInt64LE(0)) : raw.readUInt32LE(0),
    sizes: Uint32Array.from({ length: blocks }, (_, i) => list.readUInt32LE(i * 4)),
    fragment,
    fragmentOffset: raw.readUInt32LE(at + 4),
  };
  return isWide
    ? { file, links: raw.readUInt32LE(24), xattr: placeOf(raw.readUInt32LE(36)) }
    : { file, links: 1, xattr: undefined };
}

function readLink(shape: Shape): Rest<"symlink"> {
  const raw = shape.cursor.take(8);
  const bytes = raw.readUInt32LE(4);
  if (bytes > MAX_TARGET_BYTES) throw damaged(`a symbolic link of it has ${bytes} bytes`);
  const target = shape.cursor.take(bytes).toString("latin1");
  return { links: raw.readUInt32LE(0), target, xattr: xattrOf(shape) };
}

function xattrOf({ cursor, isWide }: Shape): number | undefined {
  return isWide ? placeOf(cursor.take(4).readUInt32LE(0)) : undefined;
}

function placeOf(value: number): number | undefined {
  return value === NONE ? undefined : value;
}
