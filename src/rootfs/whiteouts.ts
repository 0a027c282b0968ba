import type { ByteString } from "../lib/bytes.ts";
import { isFledgeError } from "../lib/errors.ts";
import { lookup } from "./lookup.ts";
import type { DirInode, Inode } from "./node.ts";

/** `name` undefined: an opaque marker, which hides all that lower layers have in `folder`. */
export type Whiteout = { readonly folder: readonly ByteString[]; readonly name: ByteString | undefined };

/**
 * Takes from the tree of the lower layers what a layer's whiteouts hide. All are resolved before any is carried out, and
 * before the layer's own entries come in: so they hide lower layers only, wherever in the layer they stand.
 * `replaced` are the paths at which the layer puts something of its own that is no symlink: a whiteout below one of them is
 * about the new directory, not about what a symlink of a lower layer led to.
 */
export function applyWhiteouts(
  root: DirInode,
  whiteouts: readonly Whiteout[],
  replaced: () => ReadonlySet<string>,
): void {
  const hidden: { readonly dir: DirInode; readonly name: ByteString | undefined }[] = [];
  for (const { folder, name } of whiteouts) {
    const dir = findFolder(root, folder, replaced);
    if (dir !== undefined) hidden.push({ dir, name });
  }
  for (const { dir, name } of hidden) {
    if (name === undefined) dir.children.clear();
    else dir.children.delete(name);
  }
}

function findFolder(
  root: DirInode,
  names: readonly ByteString[],
  replaced: () => ReadonlySet<string>,
): DirInode | undefined {
  let dir = root;
  for (const [index, name] of names.entries()) {
    let node: Inode | undefined = dir.children.get(name);
    if (node?.type === "symlink") {
      const path = names.slice(0, index + 1).join("/") as ByteString;
      if (replaced().has(path)) return undefined;
      node = follow(root, path);
    }
    // A whiteout of nothing is nothing.
    if (node?.type !== "dir") return undefined;
    dir = node;
  }
  return dir;
}

function follow(root: DirInode, path: ByteString): Inode | undefined {
  try {
    return lookup(root, path, { followLast: true })?.node;
  } catch (error) {
    // A loop of symlinks, or one that leads through a file: there is nothing to hide.
    if (isFledgeError(error)) return undefined;
    throw error;
  }
}
