import { type ByteString, compareBytes } from "../lib/bytes.ts";
import type { DirInode, Inode, Mtime } from "./node.ts";

/** A name in the sealed tree. */
export type SealedEntry = {
  /** Without a leading slash; the root's is empty. Put together each time: kept for all, those of a deep tree fill the memory. */
  readonly path: ByteString;
  readonly name: ByteString;
  readonly inode: SealedInode;
  /** False for the second and later names of a hard-linked inode. */
  readonly isFirstName: boolean;
};

/** An inode with what only the whole tree can tell. */
export type SealedInode = {
  readonly node: Inode;
  /** Position in `SealedTree.inodes`; 0 is the root. */
  readonly index: number;
  /** Names of a file; for a directory 2 + its subdirectories, as Unix counts. */
  readonly nlink: number;
  /** Clamped to SOURCE_DATE_EPOCH where that is set. */
  readonly mtime: Mtime;
  /** The names in a directory, sorted by raw bytes; empty for anything else. */
  readonly entries: readonly SealedEntry[];
};

/** The tree as it will be written: frozen, sorted, links counted. */
export type SealedTree = {
  /** Every name in preorder, siblings sorted by raw bytes; the first is the root. */
  readonly entries: readonly SealedEntry[];
  /** Every inode in the order of its first name. */
  readonly inodes: readonly SealedInode[];
  /** Sum of the sizes of all regular files, each inode once. */
  readonly contentBytes: number;
};

type Draft = { -readonly [K in keyof SealedInode]: SealedInode[K] } & { entries: SealedEntry[] };

/** The path of the folder that was asked for last: the names in it follow each other. */
type LastFolder = { entry: SealedName | undefined; path: string };

class SealedName implements SealedEntry {
  readonly name: ByteString;
  readonly inode: SealedInode;
  readonly isFirstName: boolean;
  readonly folder: SealedName | undefined;
  readonly last: LastFolder;

  constructor(
    { name, inode, isFirstName }: Omit<SealedEntry, "path">,
    folder: SealedName | undefined,
    last: LastFolder,
  ) {
    this.name = name;
    this.inode = inode;
    this.isFirstName = isFirstName;
    this.folder = folder;
    this.last = last;
  }

  get path(): ByteString {
    const { folder, last } = this;
    if (folder === undefined) return this.name;
    if (last.entry !== folder) {
      const names: ByteString[] = [];
      for (let at = folder; at.folder !== undefined; at = at.folder) names.push(at.name);
      last.path = names.reverse().join("/");
      last.entry = folder;
    }
    return (last.path === "" ? this.name : `${last.path}/${this.name}`) as ByteString;
  }
}

/** The same name of another inode. */
export function entryOf(inode: SealedInode, entry: SealedEntry): SealedEntry {
  if (!(entry instanceof SealedName)) return { ...entry, inode };
  const { name, isFirstName, folder, last } = entry;
  return new SealedName({ name, inode, isFirstName }, folder, last);
}

/** Fixes the order and the numbers of a tree. Linear, but for the sorting of each directory's names. */
export function sealTree(root: DirInode, ceilingSec?: number): SealedTree {
  const entries: SealedEntry[] = [];
  const inodes: Draft[] = [];
  const sealed = new Map<Inode, Draft>();
  const last: LastFolder = { entry: undefined, path: "" };
  let contentBytes = 0;

  const visit = (node: Inode, name: ByteString, folder?: SealedName): SealedName => {
    let inode = sealed.get(node);
    const isFirstName = inode === undefined;
    if (inode === undefined) {
      inode = { node, index: inodes.length, nlink: 0, mtime: clamp(node.mtime, ceilingSec), entries: [] };
      sealed.set(node, inode);
      inodes.push(inode);
      if (node.type === "file") contentBytes += node.size;
    }
    inode.nlink += 1;
    const entry = new SealedName({ name, inode, isFirstName }, folder, last);
    entries.push(entry);
    return entry;
  };

  // An explicit stack: a hostile layer may nest deeper than the call stack allows.
  const stack: { inode: Draft; entry: SealedName; names: ByteString[]; next: number }[] = [];
  const enter = (entry: SealedName): void => {
    const node = entry.inode.node;
    if (node.type !== "dir") return;
    const inode = entry.inode as Draft;
    inode.nlink += 1; // its own "."
    stack.push({ inode, entry, names: [...node.children.keys()].sort(compareBytes), next: 0 });
  };

  enter(visit(root, "" as ByteString));
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const name = frame.names[frame.next++];
    if (name === undefined) {
      stack.pop();
      continue;
    }
    const child = (frame.inode.node as DirInode).children.get(name) as Inode;
    const entry = visit(child, name, frame.entry);
    frame.inode.entries.push(entry);
    if (child.type === "dir") {
      frame.inode.nlink += 1; // the child's ".."
      enter(entry);
    }
  }
  return { entries, inodes, contentBytes };
}

function clamp(mtime: Mtime, ceilingSec: number | undefined): Mtime {
  if (ceilingSec === undefined || mtime.sec < ceilingSec) return mtime;
  return { sec: ceilingSec, nsec: 0 };
}
