import { toText } from "../../lib/bytes.ts";
import type { SealedEntry, SealedInode, SealedTree } from "../../rootfs/seal.ts";
import type { BuildOrigins } from "../../store/builds.ts";

/** What of a tree is one layer of an image, and who it is from. */
export type LayerTree = { readonly createdBy: string; readonly tree: SealedTree };

const NOBODY = { createdBy: "the plugin", order: -1 };

/**
 * Cuts a tree into layers, one for each origin in the order of the build, so that what changes often is a layer of its
 * own. Every layer has the folders above what is in it, as they are in the end; hard links are in one.
 */
export function layersOf(tree: SealedTree, origins: BuildOrigins | undefined): LayerTree[] {
  const byInode = new Map<SealedInode, number>();
  const groups = new Map<number, SealedEntry[]>();
  for (const entry of tree.entries) {
    if (isMadeByMkfs(entry, origins)) continue;
    const known = byInode.get(entry.inode);
    const order = known ?? origins?.names.get(toText(entry.path))?.origin ?? NOBODY.order;
    byInode.set(entry.inode, order);
    const group = groups.get(order);
    if (group === undefined) groups.set(order, [entry]);
    else group.push(entry);
  }
  const folders = new Map(tree.entries.filter(isFolder).map((entry) => [entry.path as string, entry]));
  return [...groups]
    .sort(([a], [b]) => a - b)
    .map(([order, entries]) => ({ createdBy: createdBy(order, origins), tree: withFolders(entries, folders) }));
}

function isFolder({ inode }: SealedEntry): boolean {
  return inode.node.type === "dir";
}

/** An empty lost+found is the filesystem's, not the plugin's. */
function isMadeByMkfs({ path, inode }: SealedEntry, origins: BuildOrigins | undefined): boolean {
  return path === "lost+found" && inode.entries.length === 0 && !origins?.names.has(path);
}

function createdBy(order: number, origins: BuildOrigins | undefined): string {
  const origin = origins?.table[order];
  return origin === undefined ? NOBODY.createdBy : `${origin.kind} ${origin.detail ?? origin.label}`;
}

/** In preorder, as the tree is: what is sorted by the names on the way, not by the path as a text. */
function withFolders(entries: readonly SealedEntry[], folders: ReadonlyMap<string, SealedEntry>): SealedTree {
  const own = new Set(entries.map(({ path }) => path as string));
  const all: SealedEntry[] = [];
  const given = new Set<string>();
  for (const entry of entries) {
    for (const above of foldersAbove(entry.path)) {
      if (given.has(above) || own.has(above)) continue;
      given.add(above);
      const folder = folders.get(above);
      if (folder !== undefined) all.push(folder);
    }
    all.push(entry);
  }
  const inodes = [...new Set(all.map(({ inode }) => inode))];
  const contentBytes = inodes.reduce((sum, { node }) => sum + (node.type === "file" ? node.size : 0), 0);
  return { entries: all, inodes, contentBytes };
}

/** The root first. */
function foldersAbove(path: string): string[] {
  if (path === "") return [];
  const folders = [""];
  for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1)) folders.push(path.slice(0, at));
  return folders;
}
