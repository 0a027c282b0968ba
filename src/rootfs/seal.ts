import { type ByteString, compareBytes } from "../lib/bytes.ts";
import type { DirInode, Inode, Mtime } from "./node.ts";

/** A name in the sealed tree. `path` has no leading slash; the root's is empty. */
export type SealedEntry = {
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

/** Fixes the order and the numbers of a tree. Linear, but for the sorting of each directory's names. */
export function sealTree(root: DirInode, ceilingSec?: number): SealedTree {
  const entries: SealedEntry[] = [];
  const inodes: Draft[] = [];
  const sealed = new Map<Inode, Draft>();
  let contentBytes = 0;

  const visit = (node: Inode, path: ByteString, name: ByteString): SealedEntry => {
    let inode = sealed.get(node);
    const isFirstName = inode === undefined;
    if (inode === undefined) {
      inode = { node, index: inodes.length, nlink: 0, mtime: clamp(node.mtime, ceilingSec), entries: [] };
      sealed.set(node, inode);
      inodes.push(inode);
      if (node.type === "file") contentBytes += node.size;
    }
    inode.nlink += 1;
    const entry: SealedEntry = { path, name, inode, isFirstName };
    entries.push(entry);
    return entry;
  };

  // An explicit stack: a hostile layer may nest deeper than the call stack allows.
  const stack: { inode: Draft; path: ByteString; names: ByteString[]; next: number }[] = [];
  const enter = (entry: SealedEntry): void => {
    const node = entry.inode.node;
    if (node.type !== "dir") return;
    const inode = entry.inode as Draft;
    inode.nlink += 1; // its own "."
    stack.push({ inode, path: entry.path, names: [...node.children.keys()].sort(compareBytes), next: 0 });
  };

  enter(visit(root, "" as ByteString, "" as ByteString));
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const name = frame.names[frame.next++];
    if (name === undefined) {
      stack.pop();
      continue;
    }
    const child = (frame.inode.node as DirInode).children.get(name) as Inode;
    const path = (frame.path === "" ? name : `${frame.path}/${name}`) as ByteString;
    const entry = visit(child, path, name);
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
