import { type BigIntStats, lstatSync, readdirSync, readlinkSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { type ByteString, toByteString } from "../../lib/bytes.ts";
import { FledgeError } from "../../lib/errors.ts";
import { ioError } from "../../lib/files/io-error.ts";
import type { WatchedPath } from "../../lib/files/watched.ts";
import { hostContent } from "../../rootfs/host-file.ts";
import { type DirInode, EPOCH_ZERO, type Inode, type Metadata, NO_XATTRS } from "../../rootfs/node.ts";
import { isInside } from "./inside.ts";

/** What a walk of a folder leaves out, by its path on this machine. */
export type Omits = (path: string) => boolean;

/**
 * The files of a project below one folder, as they go into a bundle: modes and contents, no owners and no times, so that
 * the same project is the same bundle.
 */
export class ProjectTree {
  readonly top: string;
  readonly root: DirInode = newDir(0o755);
  /** Symlinks in folders of the guest's that lead out of the bundle, or may: place and target. */
  readonly links: [ByteString, ByteString][] = [];
  readonly #linked = new Map<string, Inode>();

  constructor(top: string) {
    this.top = top;
  }

  holds(path: string): boolean {
    return isInside(this.top, path);
  }

  /**
   * Adds a file, or a folder with what counts in it. A symlink on the way to it stays one where it leads to another place
   * of the project, which is added too; what it leads to elsewhere is put in its place.
   */
  add({ path, accepts = () => true }: WatchedPath, omits: Omits = () => false): void {
    const place = this.#placeOf(path);
    if (place === undefined) return;
    const { real, parent, name } = place;
    const stat = statOf(real);
    if (!stat.isDirectory()) {
      if (!stat.isFile()) throw notSent(path);
      if (parent.children.get(name)?.type !== "file") parent.children.set(name, this.#file(real, stat));
      return;
    }
    const dir = name === "" ? this.root : folderIn(parent, name, stat);
    const walk = { accepts: (inside: string, isFolder: boolean) => accepts(inside, isFolder), omits };
    this.#addFolder(dir, { host: real, guest: guestOf(this.top, real), inside: "" }, walk);
  }

  /** Where a path is in the tree, its folders made; undefined when it does not exist. */
  #placeOf(path: string): { real: Buffer; parent: DirInode; name: ByteString } | undefined {
    const parts = relative(this.top, path)
      .split("/")
      .filter((part) => part !== "");
    let parent = this.root;
    let host = this.top;
    for (const [index, part] of parts.entries()) {
      host = join(host, part);
      const stat = lstatSync(host, { bigint: true, throwIfNoEntry: false });
      if (stat === undefined) return undefined;
      const name = toByteString(part);
      const target = stat.isSymbolicLink() ? this.#targetInside(host) : undefined;
      if (target !== undefined) {
        this.#link(parent, name, { host, target });
        const rest = parts.slice(index + 1);
        return this.#placeOf(join(target, ...rest));
      }
      if (statSync(host, { throwIfNoEntry: false }) === undefined) return undefined;
      if (index === parts.length - 1) return { real: Buffer.from(host), parent, name };
      parent = folderIn(parent, name, statOf(Buffer.from(host)));
    }
    return { real: Buffer.from(this.top), parent: this.root, name: "" as ByteString };
  }

  /** Where a symlink leads, when that is another place of the project. */
  #targetInside(host: string): string | undefined {
    const target = resolve(dirname(host), readlinkSync(host));
    const isPlain = isInside(this.top, target) && lstatSync(target, { throwIfNoEntry: false }) !== undefined;
    // One that leads nowhere, or to a folder that it is in itself, is followed by nobody.
    return isPlain && !isInside(target, host) && statSync(host, { throwIfNoEntry: false }) ? target : undefined;
  }

  #link(parent: DirInode, name: ByteString, { host, target }: { host: string; target: string }): void {
    const text = relative(dirname(host), target);
    parent.children.set(name, { type: "symlink", ...metadata(0o777), target: toByteString(text === "" ? "." : text) });
  }

  #addFolder(
    dir: DirInode,
    at: { readonly host: Buffer; readonly guest: ByteString; readonly inside: string },
    walk: { readonly accepts: (path: string, isFolder: boolean) => boolean; readonly omits: Omits },
  ): void {
    for (const entry of namesIn(at.host)) {
      const name = entry.toString("latin1") as ByteString;
      const host = Buffer.concat([at.host, Buffer.from("/"), entry]);
      const inside = at.inside === "" ? entry.toString() : `${at.inside}/${entry}`;
      const guest = (at.guest === "" ? name : `${at.guest}/${name}`) as ByteString;
      const stat = lstatSync(host, { bigint: true });
      if (walk.omits(host.toString()) || !walk.accepts(inside, stat.isDirectory())) continue;
      if (stat.isDirectory()) this.#addFolder(folderIn(dir, name, stat), { host, guest, inside }, walk);
      else if (stat.isSymbolicLink()) this.#addGuestLink(dir, { name, guest }, readlinkSync(host, "latin1"));
      else if (stat.isFile()) dir.children.set(name, this.#file(host, stat));
      else if (!stat.isSocket()) throw notSent(host.toString()); // a build leaves sockets out, and says so
    }
  }

  /** Data of the guest's, which nobody follows here: its target stays as it is written. */
  #addGuestLink(dir: DirInode, at: { readonly name: ByteString; readonly guest: ByteString }, target: string): void {
    if (dir.children.get(at.name)?.type === "symlink") return;
    if (this.links.some(([place]) => place === at.guest)) return;
    if (leadsOut(at.guest, target)) this.links.push([at.guest, target as ByteString]);
    else dir.children.set(at.name, { type: "symlink", ...metadata(0o777), target: target as ByteString });
  }

  #file(path: Buffer, stat: BigIntStats): Inode {
    const key = `${stat.dev}:${stat.ino}`;
    const known = this.#linked.get(key);
    if (known !== undefined) return known;
    const inode: Inode = {
      type: "file",
      ...metadata(Number(stat.mode & 0o7777n)),
      size: Number(stat.size),
      content: hostContent(path, stat),
    };
    if (stat.nlink > 1n) this.#linked.set(key, inode);
    return inode;
  }
}

function guestOf(top: string, real: Buffer): ByteString {
  return toByteString(relative(top, real.toString()));
}

/**
 * Whether a symlink at `place` of a bundle leads out of it, or may: `..` counts where it comes first, above folders that
 * are none but folders; behind a name, which may be a symlink, nobody knows.
 */
export function leadsOut(place: string, target: string): boolean {
  if (target.startsWith("/") || target === "") return true;
  const parts = target.split("/").filter((part) => part !== "" && part !== ".");
  const names = parts.findIndex((part) => part !== "..");
  const up = names < 0 ? parts.length : names;
  return up > place.split("/").length - 1 || parts.slice(up).includes("..");
}

function folderIn(parent: DirInode, name: ByteString, stat: BigIntStats): DirInode {
  const known = parent.children.get(name);
  if (known?.type === "dir") return known;
  const dir = newDir(Number(stat.mode & 0o7777n));
  parent.children.set(name, dir);
  return dir;
}

function newDir(mode: number): DirInode {
  return { type: "dir", ...metadata(mode), children: new Map() };
}

function metadata(mode: number): Metadata {
  return { mode, uid: 0, gid: 0, mtime: EPOCH_ZERO, xattrs: NO_XATTRS };
}

function statOf(path: Buffer): BigIntStats {
  try {
    return statSync(path, { bigint: true });
  } catch (error) {
    throw ioError(error, "read", path);
  }
}

function namesIn(folder: Buffer): Buffer[] {
  try {
    return readdirSync(folder, { encoding: "buffer" }).sort(Buffer.compare);
  } catch (error) {
    throw ioError(error, "read", folder);
  }
}

function notSent(path: string): FledgeError {
  return new FledgeError("source", `${path} is a device, a FIFO or a socket, which a bundle cannot hold`, {
    hint: `leave ${basename(path)} out, or build on this machine`,
  });
}
