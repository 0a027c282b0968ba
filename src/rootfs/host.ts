import { type BigIntStats, type Dirent, lstatSync, readdirSync, readlinkSync, realpathSync } from "node:fs";
import { basename } from "node:path";
import { type ByteString, compareBytes, toByteString, toText } from "../lib/bytes.ts";
import type { Warning } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import { ioError } from "../lib/files/io-error.ts";
import { deviceNumbersOf, hostContent, leftOut } from "./host-file.ts";
import type { FileInode } from "./node.ts";
import type { Device, GuestPath, Ownership, Stat } from "./stat.ts";

/** What a copy goes into: a `RootfsTree`, as far as copying needs it. */
type Target = {
  exists(path: GuestPath): boolean;
  stat(path: GuestPath): Stat;
  lstat(path: GuestPath): Stat;
  mkdir(path: GuestPath, ownership: Ownership): void;
  putFile(path: GuestPath, file: Pick<FileInode, "size" | "content">, ownership: Ownership): void;
  mknod(path: GuestPath, device: Device): void;
  symlink(target: Uint8Array, path: GuestPath): void;
  rm(path: GuestPath): boolean;
  warn(warning: Warning): void;
};

export type HostEntry = { readonly isDir: boolean; readonly isExecutable: boolean };

/** Decides mode and owner of what is copied; a mode left out is 0755 for executables and 0644 for other files. */
export type OwnershipRule = (guestPath: string, entry: HostEntry) => Ownership;

/**
 * Copies a file or a folder of the host into the tree. A file whose destination is a directory, or ends in `/`, goes
 * into it under its own name; a folder's content goes into the destination. Directories that the guest has stay as they
 * are. A file or symlink that is in the way is replaced, never written through: mapping onto /bin/sh must not overwrite
 * the BusyBox that it links to. Pipes and devices are made anew, and a socket in a folder is left out with a warning.
 * What `omits` says of a path in a folder is left out without one.
 */
export function copyIntoTree(
  tree: Target,
  hostPath: string,
  guestPath: GuestPath,
  rule: OwnershipRule,
  omits: (hostPath: string) => boolean = () => false,
): void {
  const real = realPath(hostPath);
  const stat = statHost(real);
  const to = toByteString(guestPath);
  if (stat.isDirectory()) {
    copyFolder(tree, { path: real, omits }, trimSlash(to), rule);
  } else if (stat.isFile()) {
    const inside = to.endsWith("/") || isDir(tree, to);
    const name = toByteString(basename(hostPath));
    copyFile(tree, { path: real, stat }, inside ? join(trimSlash(to), name) : to, rule);
  } else {
    throw notCopyable(hostPath);
  }
}

type HostFolder = { readonly path: Buffer; readonly omits: (hostPath: string) => boolean };

function copyFolder(tree: Target, { path, omits }: HostFolder, to: ByteString, rule: OwnershipRule): void {
  const folder = to === "" ? ("/" as ByteString) : to;
  if (!isDir(tree, folder)) {
    tree.mkdir(asPath(folder), { mode: 0o755, ...rule(toText(folder), { isDir: true, isExecutable: true }) });
  }
  for (const entry of readFolder(path)) {
    const name = entry.name.toString("latin1") as ByteString;
    const child = Buffer.concat([path, Buffer.from("/"), entry.name]);
    if (omits(child.toString())) continue;
    const target = join(to, name);
    if (entry.isDirectory()) copyFolder(tree, { path: child, omits }, target, rule);
    else if (entry.isSymbolicLink()) copySymlink(tree, child, target);
    else if (entry.isFile()) copyFile(tree, { path: child, stat: statHost(child) }, target, rule);
    else if (entry.isSocket()) tree.warn(leftOut(child));
    else copyDevice(tree, { path: child, stat: statHost(child) }, target, rule);
  }
}

type HostFile = { readonly path: Buffer; readonly stat: BigIntStats };

function copyFile(tree: Target, { path, stat }: HostFile, to: ByteString, rule: OwnershipRule): void {
  if (!stat.isFile()) throw notCopyable(path);
  const isExecutable = (stat.mode & 0o111n) !== 0n;
  const ownership = rule(toText(to), { isDir: false, isExecutable });
  clear(tree, to);
  const file = { size: Number(stat.size), content: hostContent(path, stat) };
  tree.putFile(asPath(to), file, { mode: isExecutable ? 0o755 : 0o644, ...ownership });
}

/** With the modes that `mknod` gives: those of files by their place say nothing of a device. */
function copyDevice(tree: Target, { path, stat }: HostFile, to: ByteString, rule: OwnershipRule): void {
  const { uid, gid } = rule(toText(to), { isDir: false, isExecutable: false });
  const owner = { ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) };
  clear(tree, to);
  if (stat.isFIFO()) tree.mknod(asPath(to), { type: "fifo", ...owner });
  else if (stat.isCharacterDevice()) tree.mknod(asPath(to), { type: "char", ...owner, ...deviceNumbersOf(stat) });
  else if (stat.isBlockDevice()) tree.mknod(asPath(to), { type: "block", ...owner, ...deviceNumbersOf(stat) });
  else throw notCopyable(path);
}

function copySymlink(tree: Target, hostPath: Buffer, to: ByteString): void {
  clear(tree, to);
  tree.symlink(readlinkSync(hostPath, { encoding: "buffer" }), asPath(to));
}

/** Makes room for a file or symlink; a directory stays, and what is put in its place then fails by name. */
function clear(tree: Target, to: ByteString): void {
  const path = asPath(to);
  if (tree.exists(path) || isDangling(tree, path)) {
    if (tree.lstat(path).type !== "dir") tree.rm(path);
  }
}

function isDangling(tree: Target, path: GuestPath): boolean {
  try {
    return tree.lstat(path).type === "symlink";
  } catch {
    return false;
  }
}

function isDir(tree: Target, to: ByteString): boolean {
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
    throw ioError(error, "copy", hostPath);
  }
}

/** The path without symlinks: what is found there is bound to the name that it really has. */
function realPath(hostPath: string): Buffer {
  try {
    return realpathSync(hostPath, { encoding: "buffer" });
  } catch (error) {
    throw ioError(error, "copy", hostPath);
  }
}

function statHost(hostPath: Buffer): BigIntStats {
  try {
    return lstatSync(hostPath, { bigint: true });
  } catch (error) {
    throw ioError(error, "copy", hostPath);
  }
}

function notCopyable(hostPath: string | Buffer): FledgeError {
  return new FledgeError("io", `cannot copy ${hostPath}: it is not a file, folder or symlink`, {
    hint: "make devices, FIFOs and sockets in the guest with rootfs.mknod()",
  });
}
