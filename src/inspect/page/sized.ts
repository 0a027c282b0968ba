import { type ByteString, compareBytes, toByteString, toText } from "../../lib/bytes.ts";
import { allocatedBytes } from "../../rootfs/allocated.ts";
import type { DirInode, Inode } from "../../rootfs/node.ts";
import type { Difference } from "../diff.ts";

/** A name as the map has it: what it takes, all below it included, and the group that gives it its colour. */
export type Sized = {
  readonly name: string;
  readonly bytes: number;
  readonly group: number;
  /** Absent of all but folders. */
  readonly children?: readonly Sized[];
};

/** The group of a path, which has no leading slash. */
export type GroupOf = (path: string, node: Inode) => number;

/** The tree of an image; a hard link takes its space under its first name. */
export function sizedTree(root: DirInode, name: string, groupOf: GroupOf): Sized {
  return sizedFolder(root, name, "", { groupOf, seen: new Set() });
}

type Walk = { readonly groupOf: GroupOf; readonly seen: Set<Inode> };

function sizedFolder(folder: DirInode, name: string, path: string, walk: Walk): Sized {
  const names = [...folder.children.keys()].sort(compareBytes);
  const children = names.map((child) => {
    const at = path === "" ? child : `${path}/${child}`;
    return sized(folder.children.get(child) as Inode, toText(child), at, walk);
  });
  const bytes = children.reduce((sum, child) => sum + child.bytes, 0);
  return { name, bytes, group: walk.groupOf(toText(path as ByteString), folder), children };
}

function sized(node: Inode, name: string, path: string, walk: Walk): Sized {
  if (node.type === "dir") return sizedFolder(node, name, path, walk);
  const isFirst = !walk.seen.has(node);
  walk.seen.add(node);
  return { name, bytes: isFirst ? allocatedBytes(node) : 0, group: walk.groupOf(toText(path as ByteString), node) };
}

/** Folders in the group of most that is in them, whoever has made the folder itself; with what each group takes below it. */
export function byLargest(folder: Sized): { readonly node: Sized; readonly bytes: ReadonlyMap<number, number> } {
  const bytes = new Map<number, number>();
  const add = (group: number, more: number): void => void bytes.set(group, (bytes.get(group) ?? 0) + more);
  const children = folder.children?.map((child) => {
    if (child.children === undefined) {
      add(child.group, child.bytes);
      return child;
    }
    const below = byLargest(child);
    for (const [group, more] of below.bytes) add(group, more);
    return below.node;
  });
  let { group } = folder;
  for (const [other, most] of bytes) if (most > (bytes.get(group) ?? 0)) group = other;
  return { node: { ...folder, group, ...(children && { children }) }, bytes };
}

/** Two images as one tree: what is gone takes what it took, all else what it takes in the second. */
export function mergedTree(
  a: DirInode,
  b: DirInode,
  differences: readonly Difference[],
  groupOfChange: (change: Difference["change"] | undefined) => number,
): Sized {
  const changes = new Map(differences.map(({ path, change }) => [path.slice(1), change]));
  const sources = new Set(differences.flatMap(({ from }) => (from === undefined ? [] : [from.slice(1)])));
  const groupOf: GroupOf = (path) => groupOfChange(changes.get(path));
  // What was renamed is drawn where it is now.
  return merged(a, sizedTree(b, "", groupOf), "", { groupOf, sources, seen: new Set() });
}

type Merge = Walk & { readonly sources: ReadonlySet<string> };

function merged(a: DirInode, b: Sized, path: string, merge: Merge): Sized {
  const known = new Map((b.children ?? []).map((child) => [child.name, child]));
  for (const [raw, node] of a.children) {
    const name = toText(raw);
    const at = path === "" ? name : `${path}/${name}`;
    const there = known.get(name);
    if (there !== undefined && there.children !== undefined && node.type === "dir") {
      known.set(name, merged(node, there, at, merge));
    } else if (there === undefined && !merge.sources.has(at)) {
      known.set(name, sized(node, name, toByteString(at), merge));
    }
  }
  const children = [...known.values()];
  return { ...b, children, bytes: children.reduce((sum, child) => sum + child.bytes, 0) };
}

/** What the files of each group take. */
export function bytesByGroup(root: Sized): Map<number, number> {
  const bytes = new Map<number, number>();
  const stack = [root];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (node.children === undefined) bytes.set(node.group, (bytes.get(node.group) ?? 0) + node.bytes);
    for (const child of node.children ?? []) stack.push(child);
  }
  return bytes;
}
