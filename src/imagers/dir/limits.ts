import { fromByteString } from "../../lib/bytes.ts";
import type { Warning } from "../../lib/context.ts";
import type { Inode } from "../../rootfs/node.ts";
import type { SealedEntry, SealedInode, SealedTree } from "../../rootfs/seal.ts";
import type { Kept } from "../compare.ts";

/** Who unpacks. */
export type User = { readonly uid: number; readonly gid: number };

const SET_ID_BITS = 0o6000;
const NAMED_IN_WARNING = 5;

/** The unpacking tar takes no POSIX ACLs for attributes, and has no sockets. */
export const KEPT: Kept = { xattr: (name) => !name.startsWith("system.") };

/** The tree as the user can make it, and a warning that says what that leaves out; root can make all but sockets. */
export function makeable(tree: SealedTree, user: User): { readonly tree: SealedTree; readonly warning?: Warning } {
  const isRoot = user.uid === 0;
  const lost: Lost = { owners: 0, setIds: [], xattrs: [], leftOut: [] };
  const inodes = new Map<SealedInode, SealedInode>();
  const entries: SealedEntry[] = [];
  for (const entry of tree.entries) {
    const { inode } = entry;
    const { type } = inode.node;
    if (type === "socket" || (!isRoot && (type === "char" || type === "block"))) {
      lost.leftOut.push(`/${fromByteString(entry.path)}`);
      continue;
    }
    if (entry.isFirstName) inodes.set(inode, isRoot ? inode : { ...inode, node: ownedBy(user, entry, lost) });
    entries.push({ ...entry, inode: inodes.get(inode) ?? inode });
  }
  const warning = warningOf(lost);
  return { tree: { ...tree, entries, inodes: [...inodes.values()] }, ...(warning && { warning }) };
}

type Lost = { owners: number; readonly setIds: string[]; readonly xattrs: string[]; readonly leftOut: string[] };

/** Set-id bits would lend the files' new owner, who is the one that builds; other attributes than user.* are root's to set. */
function ownedBy({ uid, gid }: User, { path, inode: { node } }: SealedEntry, lost: Lost): Inode {
  const name = `/${fromByteString(path)}`;
  if (node.uid !== uid || node.gid !== gid) lost.owners += 1;
  const isSetId = node.type !== "dir" && (node.mode & SET_ID_BITS) !== 0;
  if (isSetId) lost.setIds.push(name);
  const xattrs = new Map([...node.xattrs].filter(([xattr]) => xattr.startsWith("user.")));
  if (xattrs.size < node.xattrs.size) lost.xattrs.push(name);
  return { ...node, uid, gid, xattrs, mode: isSetId ? node.mode & ~SET_ID_BITS : node.mode };
}

function warningOf({ owners, setIds, xattrs, leftOut }: Lost): Warning | undefined {
  const parts = [
    owners > 0 ? `the owners of ${owners} files` : undefined,
    setIds.length > 0 ? `the set-id bits of ${listed(setIds)}` : undefined,
    xattrs.length > 0 ? `extended attributes of ${listed(xattrs)}` : undefined,
    leftOut.length > 0 ? `the devices and sockets ${listed(leftOut)}` : undefined,
  ].filter((part) => part !== undefined);
  if (parts.length === 0) return undefined;
  const hint = 'as root it keeps all but sockets; filesystem.type = "tar" keeps as much without root';
  return { message: `the folder is without ${parts.join(", ")}`, hint };
}

function listed(names: readonly string[]): string {
  const more = names.length > NAMED_IN_WARNING ? ` and ${names.length - NAMED_IN_WARNING} more` : "";
  return `${names.slice(0, NAMED_IN_WARNING).join(", ")}${more}`;
}
