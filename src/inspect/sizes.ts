import { compareBytes, toText } from "../lib/bytes.ts";
import type { SealedEntry, SealedTree } from "../rootfs/seal.ts";

/** A path and the bytes of the files in it, hard links counted once, at their first name. */
export type SizedPath = { readonly path: string; readonly bytes: number };

/** The largest files and folders, largest first. */
export function largestOf(tree: SealedTree, count: number): { files: SizedPath[]; folders: SizedPath[] } {
  const files = tree.entries.filter(({ isFirstName, inode }) => isFirstName && inode.node.type === "file");
  const folders = folderBytes(tree);
  folders.delete("");
  return {
    files: top(
      files.map((entry) => ({ path: `/${toText(entry.path)}`, bytes: bytesOf(entry) })),
      count,
    ),
    folders: top(
      [...folders].map(([path, bytes]) => ({ path: `/${path}`, bytes })),
      count,
    ),
  };
}

/** Of each folder by its path, all that is below it. */
function folderBytes(tree: SealedTree): Map<string, number> {
  const totals = new Map<string, number>();
  // From the last to the first a folder comes after all that is in it.
  const own = new Map<string, number>();
  for (let i = tree.entries.length - 1; i > 0; i--) {
    const entry = tree.entries[i] as SealedEntry;
    const path = toText(entry.path);
    const isFolder = entry.inode.node.type === "dir";
    const bytes = isFolder ? (own.get(path) ?? 0) : entry.isFirstName ? bytesOf(entry) : 0;
    if (isFolder) totals.set(path, bytes);
    const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    own.set(parent, (own.get(parent) ?? 0) + bytes);
    own.delete(path);
  }
  return totals;
}

function top(paths: readonly SizedPath[], count: number): SizedPath[] {
  return paths
    .filter(({ bytes }) => bytes > 0)
    .sort((a, b) => b.bytes - a.bytes || compareBytes(a.path, b.path))
    .slice(0, count);
}

function bytesOf({ inode }: SealedEntry): number {
  return inode.node.type === "file" ? inode.node.size : 0;
}
