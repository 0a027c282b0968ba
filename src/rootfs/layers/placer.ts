import type { ByteString } from "../../lib/bytes.ts";
import type { LimitCounter } from "../limits.ts";
import { lookup, type Place } from "../lookup.ts";
import { type DirInode, EPOCH_ZERO, type Inode, NO_XATTRS } from "../node.ts";
import type { Origins } from "../origin.ts";
import { namesOf } from "./layer-path.ts";

/**
 * Finds where the entries of a layer go: their parents resolved inside the guest, missing ones made. The entries of one
 * folder mostly follow each other, so the last folder is remembered as long as nothing that a path may lead through is
 * replaced.
 */
export class Placer {
  readonly #root: DirInode;
  readonly #counter: LimitCounter;
  readonly #origins: Origins | undefined;
  #folder: string | undefined;
  #dir: DirInode;

  /** `counter` hears of the folders that are made and the links that are followed. */
  constructor(root: DirInode, counter: LimitCounter, origins?: Origins) {
    this.#root = root;
    this.#counter = counter;
    this.#origins = origins;
    this.#dir = root;
  }

  /** The place of a path; that of the root has an empty name. Throws as `lookup` does. */
  find(path: ByteString): Place {
    const end = path.endsWith("/") ? path.length - 1 : path.length;
    const slash = path.lastIndexOf("/", end - 1);
    const name = path.slice(slash + 1, end) as ByteString;
    // What is no name of its own, as in "a/..", is left to the long way.
    const folder = name === "" || name === "." || name === ".." ? undefined : path.slice(0, slash + 1);
    if (folder !== undefined && folder === this.#folder) {
      return { parent: this.#dir, name, node: this.#dir.children.get(name) };
    }
    const clean = namesOf(path).join("/") as ByteString;
    // With directories being made it always leads somewhere.
    const place = lookup(this.#root, clean, {
      followLast: false,
      replaceFiles: true,
      onLink: (names) => this.#counter.addLinkSteps(names),
      onDir: (bytes) => this.#counter.checkResolved(bytes),
      makeDir: (parent, name) => {
        this.#counter.addName();
        return makeParent(parent, name, this.#origins?.current);
      },
    }) as Place;
    this.#folder = folder;
    this.#dir = place.parent;
    return place;
  }

  put({ parent, name, node }: Place, inode: Inode): void {
    parent.children.set(name, inode);
    if (node?.type === "dir" || node?.type === "symlink") this.#folder = undefined;
  }
}

/** A directory that no layer lists: root's, 0755, without a time. */
function makeParent(parent: DirInode, name: ByteString, origin: number | undefined): DirInode {
  const owner = { mode: 0o755, uid: 0, gid: 0, mtime: EPOCH_ZERO, xattrs: NO_XATTRS, origin };
  const dir: DirInode = { type: "dir", ...owner, children: new Map() };
  parent.children.set(name, dir);
  return dir;
}
