import { type ByteString, compareBytes, fromByteString, toByteString, toText } from "../lib/bytes.ts";
import type { Warning } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import { CAPABILITY_XATTR, encodeCapability } from "./attributes/capability.ts";
import { readContentSync, readRangeSync } from "./content.ts";
import { globTree } from "./glob.ts";
import { copyIntoTree } from "./host.ts";
import { lookup, type Place } from "./lookup.ts";
import {
  type DirInode,
  EPOCH_ZERO,
  type FileInode,
  type Inode,
  type Metadata,
  type Mtime,
  NO_XATTRS,
  type Xattrs,
} from "./node.ts";
import { Origins } from "./origin.ts";
import type { Device, GuestPath, Ownership, Stat } from "./stat.ts";

/**
 * The guest's root filesystem in memory: what hooks and stages work on. Nothing of it exists on the host, so owners,
 * device nodes and setuid bits need no privilege. Every path is resolved inside the guest, symlinks included. Calls
 * that change one inode follow a symlink under the last name, as the system calls do; `link`, `rm`, `lstat` do not.
 * Every method throws a `rootfs` error that names the path.
 */
export class RootfsTree {
  readonly root: DirInode;
  readonly #mtime: Mtime;
  readonly #warn: (warning: Warning) => void;
  readonly #origins: Origins;

  /**
   * `mtime` stamps all that is added through this object; `warn` hears of what a copy leaves out; what is made or changed
   * is of the current one of `origins`.
   */
  constructor(
    mtime: Mtime = EPOCH_ZERO,
    warn: (warning: Warning) => void = () => {},
    origins: Origins = new Origins(),
  ) {
    this.#mtime = mtime;
    this.#warn = warn;
    this.#origins = origins;
    this.root = newDir(mtime);
  }

  /** Whether there is something by that name; a symlink counts if it leads to something. */
  exists(path: GuestPath): boolean {
    return this.#find(path, true) !== undefined;
  }

  /** Type, mode, owner, size and attributes of what a path leads to, symlinks followed. */
  stat(path: GuestPath): Stat {
    return statOf(this.#get(path, true));
  }

  /** `stat` of the name itself: of a symlink, not of what it leads to. */
  lstat(path: GuestPath): Stat {
    return statOf(this.#get(path, false));
  }

  /** The names in a directory, sorted by raw bytes. */
  readdir(path: GuestPath): string[] {
    return [...this.#getDir(path).children.keys()].sort(compareBytes).map(toText);
  }

  /** The bytes of a file, all in memory; `readRange` reads a part of a large one. */
  readFile(path: GuestPath): Buffer {
    return readContentSync(this.#getFile(path));
  }

  /** `length` bytes from `offset`, fewer at the end of the file. */
  readRange(path: GuestPath, offset: number, length: number): Buffer {
    return readRangeSync(this.#getFile(path), offset, length);
  }

  /**
   * Writes a regular file and makes the directories above it. An existing file keeps its inode (all its names show the
   * new content), owner and mode but for what `ownership` says.
   */
  writeFile(path: GuestPath, data: string | Uint8Array, ownership: Ownership = {}): void {
    const bytes = typeof data === "string" ? Buffer.from(data, "utf8") : Buffer.from(data);
    this.putFile(path, { size: bytes.length, content: { kind: "inline", bytes } }, ownership);
  }

  /** `writeFile` for content that is elsewhere and read when the image is written. */
  putFile(path: GuestPath, file: Pick<FileInode, "size" | "content">, ownership: Ownership = {}): void {
    const place = this.#place(path, true);
    if (place.node === undefined) {
      place.parent.children.set(place.name, { type: "file", ...this.#metadata(ownership, 0o644), ...file });
      return;
    }
    if (place.node.type !== "file") throw failed(path, `is a ${place.node.type}, not a regular file`);
    this.#origins.lose(plainPath(path), place.node);
    place.node.size = file.size;
    place.node.content = file.content;
    place.node.mtime = this.#mtime;
    this.#own(place.node, ownership);
  }

  /** Makes a directory and those above it. One that exists is kept, with `ownership` applied to it. */
  mkdir(path: GuestPath, ownership: Ownership = {}): void {
    const place = this.#place(path, true);
    if (place.node === undefined) {
      place.parent.children.set(place.name, this.#newDir(ownership));
      return;
    }
    if (place.node.type !== "dir") throw failed(path, `is a ${place.node.type}, not a directory`);
    if (Object.keys(ownership).length > 0) this.#own(place.node, ownership);
  }

  /** Makes a symlink; `target` is data and is not looked up. */
  symlink(target: string | Uint8Array, path: GuestPath): void {
    const place = this.#vacant(path);
    const metadata = this.#metadata({}, 0o777);
    place.parent.children.set(place.name, { type: "symlink", ...metadata, target: toByteString(target) });
  }

  /** Gives `existing` (not a directory; a symlink is not followed) a second name: a hard link. */
  link(existing: GuestPath, path: GuestPath): void {
    const node = this.#get(existing, false);
    if (node.type === "dir") throw failed(existing, "is a directory and cannot have a second name");
    const place = this.#vacant(path);
    place.parent.children.set(place.name, node);
  }

  /** Makes a device node, a FIFO or a socket; of root's unless `device` says, devices 0600, others 0644. */
  mknod(path: GuestPath, device: Device): void {
    const place = this.#vacant(path);
    const { type } = device;
    const metadata = this.#metadata(device, type === "fifo" || type === "socket" ? 0o644 : 0o600);
    if (type === "fifo" || type === "socket") {
      place.parent.children.set(place.name, { type, ...metadata });
      return;
    }
    const { major, minor } = device;
    if (!isUint(major, 32) || !isUint(minor, 32)) throw failed(path, "a device needs its major and minor number");
    place.parent.children.set(place.name, { type, ...metadata, major, minor });
  }

  /** Sets the permission bits (07777): `chmod("/usr/bin/app", 0o755)`. */
  chmod(path: GuestPath, mode: number): void {
    this.#own(this.#get(path, true), { mode });
  }

  /** Sets the owner by number: names are the guest's own (`addUser` adds one). */
  chown(path: GuestPath, uid: number, gid: number): void {
    this.#own(this.#get(path, true), { uid, gid });
  }

  /** Sets an extended attribute by its full name; `undefined` removes it. */
  setXattr(path: GuestPath, name: string, value: Uint8Array | string | undefined): void {
    const node = this.#get(path, true);
    const xattrs = new Map(node.xattrs);
    const key = toByteString(name);
    if (value === undefined) xattrs.delete(key);
    else xattrs.set(key, typeof value === "string" ? Buffer.from(value, "utf8") : Buffer.from(value));
    node.xattrs = xattrs;
    node.origin = this.#origins.current;
  }

  /** Sets file capabilities by text: `cap_net_bind_service+ep`. */
  setCapability(path: GuestPath, text: string): void {
    if (this.stat(path).type !== "file") throw failed(path, "is not a regular file and cannot have capabilities");
    this.setXattr(path, CAPABILITY_XATTR, encodeCapability(text));
  }

  /** Removes a name and all below it; says whether there was anything. */
  rm(path: GuestPath): boolean {
    const place = this.#lookup(path, false);
    if (place?.node === undefined) return false;
    if (place.node === this.root || place.name === "") throw failed(path, "cannot be removed");
    this.#origins.lose(plainPath(path), place.node);
    return place.parent.children.delete(place.name);
  }

  /** Paths that match a pattern (`*`, `**`, `?`, `[a-z]`, `{a,b}`), sorted by raw bytes. Symlinks are not followed. */
  glob(pattern: string): string[] {
    return globTree(this.root, pattern);
  }

  /**
   * Copies a file or a folder of the host, contents being read when the image is written. A folder merges into a
   * directory that is there, which keeps its mode and owner; symlinks stay symlinks, and sockets are left out with a
   * warning. Modes are 0755 for folders and executables and 0644 for the rest, owners root unless given, times the
   * build's: what the host's umask and clock say never reaches the image.
   */
  copyFromHost(hostPath: string, path: GuestPath, ownership: Ownership = {}): void {
    copyIntoTree(this, hostPath, path, (_, entry) => (entry.isDir ? { ...ownership, mode: 0o755 } : ownership));
  }

  /** Says what is worth knowing of a change to the tree, in the build that it is made in. */
  warn(warning: Warning): void {
    this.#warn(warning);
  }

  /** Every name but the root's in preorder, siblings sorted by raw bytes. */
  *walk(): Generator<{ readonly path: string } & Stat> {
    const stack: { path: ByteString; node: Inode }[] = [{ path: "" as ByteString, node: this.root }];
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      if (top.node !== this.root) yield { path: toText(top.path), ...statOf(top.node) };
      if (top.node.type !== "dir") continue;
      const names = [...top.node.children.keys()].sort(compareBytes);
      for (const name of names.reverse()) {
        stack.push({ path: `${top.path}/${name}` as ByteString, node: top.node.children.get(name) as Inode });
      }
    }
  }

  #lookup(path: GuestPath, followLast: boolean, create = false): Place | undefined {
    const bytes = toByteString(path);
    if (!bytes.startsWith("/")) throw failed(path, "is not absolute", "paths in the guest begin with /");
    if (bytes.includes("\0")) throw failed(path, "holds a NUL byte");
    return lookup(this.root, bytes, {
      followLast,
      ...(create && { makeDir: (parent, name) => this.#makeDir(parent, name) }),
    });
  }

  #find(path: GuestPath, followLast: boolean): Inode | undefined {
    return this.#lookup(path, followLast)?.node;
  }

  #get(path: GuestPath, followLast: boolean): Inode {
    const node = this.#find(path, followLast);
    if (node === undefined) throw failed(path, "does not exist in the guest");
    return node;
  }

  #getFile(path: GuestPath): FileInode {
    const node = this.#get(path, true);
    if (node.type !== "file") throw failed(path, `is a ${node.type}, not a regular file`);
    return node;
  }

  #getDir(path: GuestPath): DirInode {
    const node = this.#get(path, true);
    if (node.type !== "dir") throw failed(path, `is a ${node.type}, not a directory`);
    return node;
  }

  #place(path: GuestPath, followLast: boolean): Place {
    return this.#lookup(path, followLast, true) as Place; // with directories being made it always leads somewhere
  }

  #vacant(path: GuestPath): Place {
    const place = this.#place(path, false);
    if (place.node !== undefined) throw failed(path, "exists already", "remove it first, with rm()");
    return place;
  }

  #makeDir(parent: DirInode, name: ByteString): DirInode {
    const dir = this.#newDir({});
    parent.children.set(name, dir);
    return dir;
  }

  #newDir(ownership: Ownership): DirInode {
    return { type: "dir", ...this.#metadata(ownership, 0o755), children: new Map() };
  }

  #metadata(ownership: Ownership, mode: number): Metadata {
    const metadata = { mode, uid: 0, gid: 0, mtime: this.#mtime, xattrs: NO_XATTRS, origin: undefined };
    this.#own(metadata, ownership);
    return metadata;
  }

  #own(inode: Metadata, ownership: Ownership): void {
    own(inode, ownership);
    inode.origin = this.#origins.current;
  }
}

function newDir(mtime: Mtime): DirInode {
  return { type: "dir", mode: 0o755, uid: 0, gid: 0, mtime, xattrs: NO_XATTRS, children: new Map() };
}

function own(inode: { mode: number; uid: number; gid: number }, { mode, uid, gid }: Ownership): void {
  if (mode !== undefined && !(isUint(mode, 32) && mode <= 0o7777)) {
    throw new FledgeError("rootfs", `mode ${mode} is not within 0 and 0o7777`);
  }
  for (const id of [uid, gid]) {
    if (id !== undefined && !isUint(id, 32)) throw new FledgeError("rootfs", `owner ${id} is not a 32-bit number`);
  }
  inode.mode = mode ?? inode.mode;
  inode.uid = uid ?? inode.uid;
  inode.gid = gid ?? inode.gid;
}

function isUint(value: number | undefined, bits: number): value is number {
  return value !== undefined && Number.isInteger(value) && value >= 0 && value < 2 ** bits;
}

/** As a build record has it: without a leading slash. */
function plainPath(path: GuestPath): string {
  return toByteString(path).replace(/^\/+/, "");
}

function statOf(node: Inode): Stat {
  const { type, mode, uid, gid, mtime, xattrs } = node;
  return {
    type,
    mode,
    uid,
    gid,
    mtime,
    xattrs: asText(xattrs),
    size: node.type === "file" ? node.size : 0,
    ...(node.type === "symlink" && { target: toText(node.target) }),
    ...((node.type === "char" || node.type === "block") && { major: node.major, minor: node.minor }),
  };
}

function asText(xattrs: Xattrs): Stat["xattrs"] {
  return xattrs.size === 0 ? xattrs : new Map([...xattrs].map(([name, value]) => [toText(name), value]));
}

function failed(path: GuestPath, what: string, hint?: string): FledgeError {
  return new FledgeError("rootfs", `${fromByteString(toByteString(path))} ${what}`, { hint });
}
