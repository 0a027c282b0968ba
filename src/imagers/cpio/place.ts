import { readSync } from "node:fs";
import type { ByteString } from "../../lib/bytes.ts";
import { FledgeError } from "../../lib/errors.ts";
import type { LimitCounter } from "../../rootfs/limits.ts";
import {
  type Content,
  type DirInode,
  EPOCH_ZERO,
  type ImageContent,
  type Inode,
  type Metadata,
  NO_XATTRS,
  type Segment,
} from "../../rootfs/node.ts";
import { type Header, TYPE_BITS } from "./newc.ts";

const TYPE_MASK = 0o170000;
const MAX_TARGET_BYTES = 4096;

type Data = { readonly fd: number; readonly at: number };

/** Takes the records of archives in, each where its name says. Symbolic links on the way are not followed: nobody writes such. */
export class CpioTree {
  readonly root: DirInode;
  readonly #counter: LimitCounter;
  /** By what an archive numbers them, those that have several names. */
  #linked = new Map<number, Inode>();
  /** The folder that was gone into last. */
  #folder: { readonly path: string; readonly dir: DirInode };
  inodes = 1;
  /** Of all contents. */
  bytes = 0;

  constructor(root: DirInode, counter: LimitCounter) {
    this.root = root;
    this.#counter = counter;
    this.#folder = { path: "", dir: root };
  }

  /** Numbers of inodes are an archive's own. */
  endArchive(): void {
    this.#linked = new Map();
  }

  put(header: Header, data: Data): void {
    const names = header.name.split("/").filter((name) => name !== "" && name !== ".") as ByteString[];
    if (names.includes(".." as ByteString)) throw bad(header, "leads upwards");
    this.#counter.addEntry(header.name, header.size);
    const inode = this.#inodeOf(header, data);
    const name = names.pop();
    if (name === undefined) {
      if (inode.type !== "dir") throw bad(header, "would make the root a file");
      Object.assign(this.root, metadataOf(header));
      return;
    }
    const parent = this.#folderAt(names);
    const there = parent.children.get(name);
    if (inode.type === "dir" && there?.type === "dir") Object.assign(there, metadataOf(header));
    else {
      parent.children.set(name, inode);
      this.#folder = { path: "", dir: this.root };
    }
  }

  #folderAt(names: readonly ByteString[]): DirInode {
    const path = names.join("/");
    if (path === this.#folder.path) return this.#folder.dir;
    let dir = this.root;
    for (const name of names) {
      const next = dir.children.get(name);
      if (next?.type === "dir") dir = next;
      else {
        const made: DirInode = {
          type: "dir",
          mode: 0o755,
          uid: 0,
          gid: 0,
          mtime: EPOCH_ZERO,
          xattrs: NO_XATTRS,
          children: new Map(),
        };
        this.#counter.addName();
        dir.children.set(name, made);
        dir = made;
      }
    }
    this.#folder = { path, dir };
    return dir;
  }

  /** Of a file of several names one record has the content, mostly the last. */
  #inodeOf(header: Header, data: Data): Inode {
    const known = header.nlink > 1 ? this.#linked.get(header.ino) : undefined;
    if (known !== undefined) {
      if (known.type === "file" && header.size > 0) {
        known.size = header.size;
        known.content = contentOf(header, data);
        this.bytes += header.size;
      }
      return known;
    }
    const inode = newInode(header, data);
    this.inodes += 1;
    if (inode.type === "file") this.bytes += header.size;
    if (header.nlink > 1 && inode.type !== "dir") this.#linked.set(header.ino, inode);
    return inode;
  }
}

function newInode(header: Header, data: Data): Inode {
  const metadata = metadataOf(header);
  const device = { major: header.rmajor, minor: header.rminor };
  switch (header.mode & TYPE_MASK) {
    case TYPE_BITS.file:
      return { type: "file", ...metadata, size: header.size, content: contentOf(header, data) };
    case TYPE_BITS.dir:
      return { type: "dir", ...metadata, children: new Map() };
    case TYPE_BITS.symlink: {
      if (header.size > MAX_TARGET_BYTES) throw bad(header, `is a symbolic link of ${header.size} bytes`);
      const target = Buffer.alloc(header.size);
      readFully(data.fd, target, data.at);
      return { type: "symlink", ...metadata, mode: 0o777, target: target.toString("latin1") as ByteString };
    }
    case TYPE_BITS.char:
      return { type: "char", ...metadata, ...device };
    case TYPE_BITS.block:
      return { type: "block", ...metadata, ...device };
    case TYPE_BITS.fifo:
      return { type: "fifo", ...metadata };
    case TYPE_BITS.socket:
      return { type: "socket", ...metadata };
    default:
      throw bad(header, "is of no type");
  }
}

function metadataOf({ mode, uid, gid, mtime }: Header): Metadata {
  return { mode: mode & 0o7777, uid, gid, mtime: { sec: mtime, nsec: 0 }, xattrs: NO_XATTRS };
}

function contentOf({ size }: Header, { fd, at }: Data): Content {
  return size === 0 ? { kind: "inline", bytes: new Uint8Array(0) } : new CpioContent(fd, at, size);
}

/** A range of an open archive. */
class CpioContent implements ImageContent {
  readonly kind = "image";
  readonly #fd: number;
  readonly #start: number;
  readonly #size: number;

  constructor(fd: number, start: number, size: number) {
    this.#fd = fd;
    this.#start = start;
    this.#size = size;
  }

  get segments(): readonly Segment[] {
    return [{ at: 0, length: this.#size }];
  }

  read(out: Buffer, at: number): void {
    readFully(this.#fd, out, this.#start + at);
  }
}

function readFully(fd: number, out: Buffer, position: number): void {
  for (let done = 0; done < out.length; ) {
    const count = readSync(fd, out, done, out.length - done, position + done);
    if (count === 0) throw new FledgeError("image", "the archive ends too early");
    done += count;
  }
}

function bad({ name }: Header, what: string): FledgeError {
  return new FledgeError("verify", `${JSON.stringify(name)} ${what}`);
}
