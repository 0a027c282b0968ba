import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from "node:fs";
import type { ByteString } from "../lib/bytes.ts";
import { throwIfAborted } from "../lib/context.ts";
import { ioError } from "../lib/files/io-error.ts";
import { findHoles } from "../rootfs/holes.ts";
import { deviceNumbersOf, hostContent } from "../rootfs/host-file.ts";
import { type DirInode, type Inode, type Metadata, NO_XATTRS } from "../rootfs/node.ts";

/** Reads a folder of this machine as it is, owners and times too; Node has no call for extended attributes. */
export async function readFolder(path: string, signal: AbortSignal): Promise<DirInode> {
  const linked = new Map<string, Inode>();
  const root = inodeOf(Buffer.from(path), linked) as DirInode;
  const stack = [{ dir: root, path: Buffer.from(path) }];
  for (let next = stack.pop(); next; next = stack.pop()) {
    throwIfAborted(signal);
    for (const name of namesIn(next.path)) {
      const child = Buffer.concat([next.path, Buffer.from("/"), name]);
      const inode = inodeOf(child, linked);
      next.dir.children.set(name.toString("latin1") as ByteString, inode);
      if (inode.type === "dir") stack.push({ dir: inode, path: child });
    }
  }
  await findHoles(root, signal);
  return root;
}

function namesIn(path: Buffer): Buffer[] {
  try {
    return readdirSync(path, { encoding: "buffer" });
  } catch (error) {
    throw ioError(error, "read", path);
  }
}

function inodeOf(path: Buffer, linked: Map<string, Inode>): Inode {
  const stat = lstatSync(path, { bigint: true });
  const key = `${stat.dev}:${stat.ino}`;
  const known = linked.get(key);
  if (known !== undefined) return known;
  const inode = newInode(path, stat);
  if (inode.type !== "dir" && stat.nlink > 1n) linked.set(key, inode);
  return inode;
}

function newInode(path: Buffer, stat: BigIntStats): Inode {
  const metadata: Metadata = {
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    mtime: { sec: Number(stat.mtimeNs / 1_000_000_000n), nsec: Number(stat.mtimeNs % 1_000_000_000n) },
    xattrs: NO_XATTRS,
  };
  if (stat.isDirectory()) return { type: "dir", ...metadata, children: new Map() };
  if (stat.isFile()) return { type: "file", ...metadata, size: Number(stat.size), content: hostContent(path, stat) };
  if (stat.isSymbolicLink()) {
    return { type: "symlink", ...metadata, mode: 0o777, target: readlinkSync(path, "latin1") as ByteString };
  }
  if (stat.isFIFO()) return { type: "fifo", ...metadata };
  if (stat.isSocket()) return { type: "socket", ...metadata };
  return { type: stat.isBlockDevice() ? "block" : "char", ...metadata, ...deviceNumbersOf(stat) };
}
