import { type ByteString, toByteString } from "../../src/lib/bytes.ts";
import type {
  DeviceInode,
  DirInode,
  FileInode,
  Inode,
  Metadata,
  PipeInode,
  SymlinkInode,
  Xattrs,
} from "../../src/rootfs/node.ts";
import { type SealedTree, sealTree } from "../../src/rootfs/seal.ts";

/** Raw inodes for tests of the imagers, without the tree's API. Names of xattrs are bytes in latin1 form. */
export type Attributes = Partial<Omit<Metadata, "xattrs"> & { xattrs: ReadonlyMap<string, Uint8Array> }>;

const T = { sec: 1_700_000_000, nsec: 0 };

export function metadata(mode: number, attributes: Attributes = {}): Metadata {
  return { mode, uid: 0, gid: 0, mtime: T, xattrs: new Map(), ...(attributes as Partial<Metadata>) };
}

/** Extended attributes by name, which is bytes in latin1 form. */
export function xattrsOf(pairs: Iterable<readonly [string, Uint8Array]>): Xattrs {
  return new Map(pairs) as ReadonlyMap<string, Uint8Array> as Xattrs;
}

export function file(data: string | Uint8Array = "", attributes?: Attributes): FileInode {
  const bytes = typeof data === "string" ? Buffer.from(data, "utf8") : data;
  return { ...metadata(0o644, attributes), type: "file", size: bytes.length, content: { kind: "inline", bytes } };
}

export function stored(
  at: { file: string; offset: number; size: number; segments?: readonly { at: number; length: number }[] },
  attributes?: Attributes,
): FileInode {
  const { file, offset, size, segments } = at;
  const content = { kind: "stored", file, offset, ...(segments ? { segments } : {}) } as const;
  return { ...metadata(0o644, attributes), type: "file", size, content };
}

/** `names` may be raw bytes in latin1 form when they are not ASCII: they are taken as they are. */
export function dir(names: Record<string, Inode> | Iterable<[string, Inode]> = {}, attributes?: Attributes): DirInode {
  const entries = Symbol.iterator in names ? [...(names as Iterable<[string, Inode]>)] : Object.entries(names);
  const children = new Map(entries.map(([name, inode]) => [name as ByteString, inode]));
  return { ...metadata(0o755, attributes), type: "dir", children };
}

export function symlink(target: string | Uint8Array, attributes?: Attributes): SymlinkInode {
  return { ...metadata(0o777, attributes), type: "symlink", target: toByteString(target) };
}

export function device(type: "char" | "block", major: number, minor: number, attributes?: Attributes): DeviceInode {
  return { ...metadata(0o660, attributes), type, major, minor };
}

export function pipe(type: "fifo" | "socket", attributes?: Attributes): PipeInode {
  return { ...metadata(0o644, attributes), type };
}

export function seal(root: DirInode): SealedTree {
  return sealTree(root);
}
