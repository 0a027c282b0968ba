import { type Dirent, readdirSync, readlinkSync, type Stats, statSync } from "node:fs";
import { basename } from "node:path";
import { type ByteString, compareBytes, fromByteString, toByteString } from "../lib/bytes.ts";
import { errnoOf, FledgeError, messageOf } from "../lib/errors.ts";
import type { GuestPath, Ownership, RootfsTree } from "./tree.ts";

export type HostEntry = { readonly isDir: boolean; readonly isExecutable: boolean };

/** Decides mode and owner of what is copied; a mode left out is 0755 for executables and 0644 for other files. */
export type OwnershipRule = (guestPath: string, entry: HostEntry) => Ownership;

/**
 * Copies a file or a folder of the host into the tree. A file whose destination is a directory, or ends in `/`, goes
 * into it under its own name; a folder's content goes into the destination. A file or symlink that is in the way is
 * replaced, never written through: mapping onto /bin/sh must not overwrite the BusyBox that it links to.
 */
export function copyIntoTree(tree: RootfsTree, hostPath: string, guestPath: GuestPath, rule: OwnershipRule): void {
  const stat = statHost(hostPath);
  const to = toByteString(guestPath);
  if (stat.isDirectory()) {
    copyFolder(tree, Buffer.from(hostPath), trimSlash(to), rule);
  } else if (stat.isFile()) {
    const inside = to.endsWith("/") || isDir(tree, to);
    const name = toByteString(basename(hostPath));
    copyFile(tree, Buffer.from(hostPath), stat, inside ? join(trimSlash(to), name) : to, rule);
  } else {
    throw notCopyable(hostPath);
  }
}

function copyFolder(tree: RootfsTree, hostPath: Buffer, to: ByteString, rule: OwnershipRule): void {
  const text = fromByteString(to);
  tree.mkdir(asPath(to === "" ? ("/" as ByteString) : to), {
    mode: 0o755,
    ...rule(text, { isDir: true, isExecutable: true }),
  });
  for (const entry of readFolder(hostPath)) {
    const name = entry.name.toString("latin1") as ByteString;
    const child = Buffer.concat([hostPath, Buffer.from("/"), entry.name]);
    const target = join(to, name);
    if (entry.isDirectory()) copyFolder(tree, child, target, rule);
    else if (entry.isSymbolicLink()) copySymlink(tree, child, target);
    else if (entry.isFile()) copyFile(tree, child, statHost(child), target, rule);
    else throw notCopyable(child);
  }
}

function copyFile(tree: RootfsTree, hostPath: Buffer, stat: Stats, to: ByteString, rule: OwnershipRule): void {
  const isExecutable = (stat.mode & 0o111) !== 0;
  const ownership = rule(fromByteString(to), { isDir: false, isExecutable });
  clear(tree, to);
  const path = hostPath.toString("utf8");
  const content = { kind: "file", path: Buffer.from(path).equals(hostPath) ? path : hostPath } as const;
  tree.putFile(asPath(to), { size: stat.size, content }, { mode: isExecutable ? 0o755 : 0o644, ...ownership });
}

function copySymlink(tree: RootfsTree, hostPath: Buffer, to: ByteString): void {
  clear(tree, to);
  tree.symlink(readlinkSync(hostPath, { encoding: "buffer" }), asPath(to));
}

/** Makes room for a file or symlink; a directory stays, and what is put in its place then fails by name. */
function clear(tree: RootfsTree, to: ByteString): void {
  const path = asPath(to);
  if (tree.exists(path) || isDangling(tree, path)) {
    if (tree.lstat(path).type !== "dir") tree.rm(path);
  }
}

function isDangling(tree: RootfsTree, path: GuestPath): boolean {
  try {
    return tree.lstat(path).type === "symlink";
  } catch {
    return false;
  }
}

function isDir(tree: RootfsTree, to: ByteString): boolean {
  return tree.exists(asPath(to)) && tree.stat(asPath(to)).type === "dir";
}

/** Bytes, so that the tree does not take a byte string for text. */
function asPath(path: ByteString): Uint8Array {
  return Buffer.from(path, "latin1");
}

function join(folder: ByteString, name: ByteString): ByteString {
  return `${folder}/${name}` as ByteString;
}

function trimSlash(path: ByteString): ByteString {
  return path.replace(/\/+$/, "") as ByteString;
}

function readFolder(hostPath: Buffer): Dirent<Buffer>[] {
  try {
    const entries = readdirSync(hostPath, { withFileTypes: true, encoding: "buffer" });
    return entries.sort((a, b) => compareBytes(a.name.toString("latin1"), b.name.toString("latin1")));
  } catch (error) {
    throw unreadable(hostPath, error);
  }
}

function statHost(hostPath: string | Buffer): Stats {
  try {
    return statSync(hostPath);
  } catch (error) {
    throw unreadable(hostPath, error);
  }
}

function unreadable(hostPath: string | Buffer, error: unknown): FledgeError {
  const errno = errnoOf(error);
  const why =
    errno === "ENOENT" ? "no such file or folder" : errno === "EACCES" ? "permission denied" : messageOf(error);
  return new FledgeError("io", `cannot copy ${hostPath}: ${why}`, { cause: error });
}

function notCopyable(hostPath: string | Buffer): FledgeError {
  return new FledgeError("io", `cannot copy ${hostPath}: it is not a file, folder or symlink`, {
    hint: "make devices, FIFOs and sockets in the guest with rootfs.mknod()",
  });
}
