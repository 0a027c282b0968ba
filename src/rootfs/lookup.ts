import { type ByteString, fromByteString } from "../lib/bytes.ts";
import { FledgeError } from "../lib/errors.ts";
import type { DirInode, Inode } from "./node.ts";

/** Where a path leads: the directory that holds its last name, and the inode under that name if there is one. */
export type Place = { readonly parent: DirInode; readonly name: ByteString; readonly node: Inode | undefined };

export type LookupOptions = {
  /** Whether a symlink under the last name is followed too. */
  readonly followLast: boolean;
  /** Makes a directory that is missing on the way; without it the lookup finds nothing. */
  readonly makeDir?: (parent: DirInode, name: ByteString) => DirInode;
  /** Lets `makeDir` replace what is no directory, but for what a symlink led to. */
  readonly replaceFiles?: boolean;
  /** Hears how many names a symlink puts into the path. */
  readonly onLink?: ((names: number) => void) | undefined;
  /** Hears how long the path is that leads to a directory without symlinks, of each that is gone into. Bytes. */
  readonly onDir?: ((pathBytes: number) => void) | undefined;
};

/** As the kernel's MAXSYMLINKS: a chain longer than this is a loop. */
const MAX_SYMLINKS = 40;

/** The names of a path, `.` and empty ones left out; `..` stays, since what it means depends on symlinks. */
export function splitPath(path: ByteString): ByteString[] {
  return (path.split("/") as ByteString[]).filter(isName);
}

function isName(name: string): boolean {
  return name !== "" && name !== ".";
}

/**
 * Resolves a path inside the guest as its kernel will: symlinks along the way are followed, absolute ones from the
 * guest's root, and `..` never leads above it. The root itself has no name: `name` is empty, `parent` and `node` are it.
 * Returns undefined when a directory on the way is missing. Throws a `rootfs` error for a symlink loop, and where
 * a name on the way is not a directory.
 */
export function lookup(root: DirInode, path: ByteString, options: LookupOptions): Place | undefined {
  const trail: DirInode[] = [root];
  /** How long the paths of those in the trail are, each name with its slash. */
  const lengths = [0];
  const enter = (dir: DirInode, name: ByteString): void => {
    const bytes = (lengths[trail.length - 1] as number) + 1 + name.length;
    options.onDir?.(bytes);
    lengths[trail.length] = bytes;
    trail.push(dir);
  };
  const rest = splitPath(path).reverse();
  let hops = 0;
  /** How many names of the path itself are left; those above them on the stack came from a symlink. */
  let ownLeft = rest.length;
  let place: Place = { parent: root, name: "" as ByteString, node: root };

  for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
    const isOwn = rest.length < ownLeft;
    if (isOwn) ownLeft = rest.length;
    if (name === "..") {
      if (trail.length > 1) trail.pop();
      const here = last(trail);
      place = { parent: here, name: "" as ByteString, node: here };
      continue;
    }
    const parent = last(trail);
    const node = parent.children.get(name);
    place = { parent, name, node };
    const isLast = rest.length === 0;
    if (node?.type === "symlink" && (!isLast || options.followLast)) {
      if (++hops > MAX_SYMLINKS) throw tooManyLinks(path);
      if (node.target.startsWith("/")) trail.length = 1;
      const written = node.target.split("/");
      options.onLink?.(written.length);
      const target = written.filter(isName);
      // A link to "/" or ".": it leads to the directory that we are in by now.
      if (target.length === 0) place = { parent: last(trail), name: "" as ByteString, node: last(trail) };
      for (let i = target.length - 1; i >= 0; i--) rest.push(target[i] as ByteString);
      continue;
    }
    if (node?.type === "dir") {
      enter(node, name);
    } else if (!isLast) {
      if (node !== undefined && !(options.replaceFiles && isOwn)) throw notADirectory(path, name);
      if (options.makeDir === undefined) return undefined;
      enter(options.makeDir(parent, name), name);
    }
  }
  return place;
}

function last(trail: readonly DirInode[]): DirInode {
  return trail[trail.length - 1] as DirInode; // the root is never popped
}

function tooManyLinks(path: ByteString): FledgeError {
  return new FledgeError("rootfs", `${fromByteString(path)}: more than ${MAX_SYMLINKS} symbolic links on the way`, {
    hint: "a link in the guest points back at itself",
  });
}

function notADirectory(path: ByteString, name: ByteString): FledgeError {
  return new FledgeError(
    "rootfs",
    `${fromByteString(path)}: "${fromByteString(name)}" on the way is not a directory in the guest`,
  );
}
