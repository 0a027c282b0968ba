import type { ByteString } from "../../lib/bytes.ts";
import { isFledgeError } from "../../lib/errors.ts";
import type { Pause } from "../../lib/pause.ts";
import type { LimitCounter } from "../limits.ts";
import { lookup } from "../lookup.ts";
import type { DirInode, Inode } from "../node.ts";
import type { Origins } from "../origin.ts";

/** `name` undefined: an opaque marker, which hides all that lower layers have in `folder`. */
export type Whiteout = { readonly folder: readonly ByteString[]; readonly name: ByteString | undefined };

export type WhiteoutWork = {
  /**
   * The paths at which the layer puts something of its own that is no symlink: a whiteout below one of them is about the new
   * directory, not about what a symlink of a lower layer led to.
   */
  readonly replaced: () => ReadonlySet<string>;
  readonly counter: LimitCounter;
  readonly pause: Pause;
  /** Hears of what is hidden. */
  readonly origins?: Origins | undefined;
};

/**
 * Takes from the tree of the lower layers what a layer's whiteouts hide. All are resolved before any is carried out, and
 * before the layer's own entries come in: so they hide lower layers only, wherever in the layer they stand.
 */
export async function applyWhiteouts(
  root: DirInode,
  whiteouts: readonly Whiteout[],
  work: WhiteoutWork,
): Promise<void> {
  const hidden: (Whiteout & { readonly dir: DirInode })[] = [];
  for (const { folder, name } of whiteouts) {
    const dir = findFolder(root, folder, work);
    if (dir !== undefined) hidden.push({ dir, folder, name });
    if (work.pause.isDue()) await work.pause.take();
  }
  for (const { dir, folder, name } of hidden) {
    const lost = name === undefined ? [...dir.children] : [[name, dir.children.get(name)] as const];
    for (const [child, node] of lost) {
      if (node !== undefined) work.origins?.lose([...folder, child].join("/"), node);
      dir.children.delete(child);
    }
  }
}

function findFolder(root: DirInode, names: readonly ByteString[], work: WhiteoutWork): DirInode | undefined {
  let dir = root;
  for (const [index, name] of names.entries()) {
    let node: Inode | undefined = dir.children.get(name);
    if (node?.type === "symlink") {
      const path = names.slice(0, index + 1).join("/") as ByteString;
      if (work.replaced().has(path)) return undefined;
      node = follow(root, path, work.counter);
    }
    // A whiteout of nothing is nothing.
    if (node?.type !== "dir") return undefined;
    dir = node;
  }
  return dir;
}

function follow(root: DirInode, path: ByteString, counter: LimitCounter): Inode | undefined {
  try {
    return lookup(root, path, { followLast: true, onLink: (names) => counter.addLinkSteps(names) })?.node;
  } catch (error) {
    // A loop of symlinks, or one that leads through a file: there is nothing to hide.
    if (isFledgeError(error) && error.code === "rootfs") return undefined;
    throw error;
  }
}
