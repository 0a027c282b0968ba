import type { ImagerContext } from "../../contract/imager.ts";
import { type ByteString, fromByteString } from "../../lib/bytes.ts";
import { FledgeError } from "../../lib/errors.ts";
import { modeWithoutAcl } from "../../rootfs/attributes/acl.ts";
import type { Inode, Mtime } from "../../rootfs/node.ts";
import { entryOf, type SealedEntry, type SealedInode, type SealedTree } from "../../rootfs/seal.ts";
import { firstOf, type ShownPath, shownPath } from "../../rootfs/shown-path.ts";
import type { Kept } from "../compare.ts";

/** Of kernel documentation, filesystems/squashfs: seconds of 32 bits without a sign, and a table of at most 65,535 owners. */
const MAX_TIME_SEC = 0xffffffff;
const MAX_OWNERS = 65_535;
/** An inode has a device number as the kernel packs it: 12 bits and 20. */
const MAX_MAJOR = 0xfff;
const MAX_MINOR = 0xfffff;

/** What a squashfs keeps: whole seconds, three namespaces of attributes, and, since it is made of a tar, no sockets. */
export const KEPT: Kept = {
  mtime: keptTime,
  xattr: keepsXattr,
  inode: ({ type }) => type !== "socket",
};

export function keptTime({ sec }: Mtime): Mtime {
  return { sec: Math.min(Math.max(sec, 0), MAX_TIME_SEC), nsec: 0 };
}

/** The tree as a squashfs holds it. Throws an `image` error for what it cannot hold, and warns of what is lost. */
export function holdable(tree: SealedTree, ctx: Pick<ImagerContext, "warn">): SealedTree {
  const lost: Lost = { sockets: [], xattrs: [], times: [] };
  const owners = new Set<number>();
  const inodes = new Map<SealedInode, SealedInode>();
  const entries: SealedEntry[] = [];
  for (const entry of tree.entries) {
    const { inode, isFirstName } = entry;
    if (isFirstName) {
      note(entry, lost);
      assertDevice(entry);
      owners.add(inode.node.uid).add(inode.node.gid);
      if (owners.size > MAX_OWNERS) throw tooManyOwners(entry.path);
      inodes.set(inode, { ...inode, mtime: keptTime(inode.mtime), node: withKeptXattrs(inode.node) });
    }
    if (inode.node.type === "socket") continue;
    entries.push(entryOf(inodes.get(inode) ?? inode, entry));
  }
  warnOf(lost, ctx);
  return { ...tree, entries, inodes: [...inodes.values()] };
}

type Lost = Record<"sockets" | "xattrs" | "times", ShownPath[]>;

function note(entry: SealedEntry, lost: Lost): void {
  const { node, mtime } = entry.inode;
  const name = shownPath(entry);
  if (node.type === "socket") lost.sockets.push(name);
  const others = [...node.xattrs.keys()].filter((xattr) => !keepsXattr(xattr));
  if (others.length > 0) lost.xattrs.push({ toString: () => `${name} (${others.map(fromByteString).join(", ")})` });
  if (mtime.sec !== keptTime(mtime).sec) lost.times.push(name);
}

function warnOf({ sockets, xattrs, times }: Lost, { warn }: Pick<ImagerContext, "warn">): void {
  const rows: readonly [names: readonly ShownPath[], message: string, hint: string][] = [
    [sockets, "sockets are left out of a squashfs", "programs make their sockets when they start"],
    [
      xattrs,
      "a squashfs holds the attributes user.*, trusted.* and security.*, without = in their names; lost",
      'POSIX ACLs need filesystem.type = "ext4"',
    ],
    [times, "a squashfs holds times from 1970 to 2106; changed", "set SOURCE_DATE_EPOCH to bring later times back"],
  ];
  for (const [names, message, hint] of rows) {
    if (names.length > 0) warn({ message: `${message}: ${firstOf(names)}`, hint });
  }
}

function withKeptXattrs(node: Inode): Inode {
  const kept = [...node.xattrs].filter(([name]) => keepsXattr(name));
  return kept.length === node.xattrs.size ? node : { ...node, mode: modeWithoutAcl(node), xattrs: new Map(kept) };
}

/** Of a name in a tar the programs that pack squashfs take the "=" for its end, and undo no escape of it. */
function keepsXattr(name: ByteString): boolean {
  return /^(user|trusted|security)\./.test(name) && !/=|%25|%3D/.test(name);
}

function assertDevice(entry: SealedEntry): void {
  const { node } = entry.inode;
  if (node.type !== "char" && node.type !== "block") return;
  if (node.major <= MAX_MAJOR && node.minor <= MAX_MINOR) return;
  const message = `${shownPath(entry)}: a squashfs cannot hold the device number ${node.major}:${node.minor}`;
  throw new FledgeError("image", message, { hint: `the largest is ${MAX_MAJOR}:${MAX_MINOR}` });
}

function tooManyOwners(path: SealedEntry["path"]): FledgeError {
  const message = `/${fromByteString(path)}: a squashfs holds ${MAX_OWNERS} different owners and groups, and this is one more`;
  return new FledgeError("image", message, { hint: 'use filesystem.type = "ext4"' });
}
