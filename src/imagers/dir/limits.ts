import type { ByteString } from "../../lib/bytes.ts";
import type { Warning } from "../../lib/context.ts";
import { modeWithoutAcl } from "../../rootfs/attributes/acl.ts";
import type { Inode } from "../../rootfs/node.ts";
import { entryOf, type SealedEntry, type SealedInode, type SealedTree } from "../../rootfs/seal.ts";
import { firstOf, type ShownPath, shownPath } from "../../rootfs/shown-path.ts";

/** Who unpacks. */
export type User = { readonly uid: number; readonly gid: number };

const SET_ID_BITS = 0o6000;

/** The tree as the user can make it, and a warning that says what that leaves out; root can make all but sockets and ACLs. */
export function makeable(tree: SealedTree, user: User): { readonly tree: SealedTree; readonly warning?: Warning } {
  const isRoot = user.uid === 0;
  const lost: Lost = { owners: 0, setIds: [], xattrs: [], leftOut: [] };
  const inodes = new Map<SealedInode, SealedInode>();
  const entries: SealedEntry[] = [];
  for (const entry of tree.entries) {
    const { inode } = entry;
    const { type } = inode.node;
    if (type === "socket" || (!isRoot && (type === "char" || type === "block"))) {
      lost.leftOut.push(shownPath(entry));
      continue;
    }
    if (entry.isFirstName)
      inodes.set(inode, { ...inode, node: isRoot ? withoutAcls(entry, lost) : ownedBy(user, entry, lost) });
    entries.push(entryOf(inodes.get(inode) ?? inode, entry));
  }
  const warning = warningOf(lost);
  return { tree: { ...tree, entries, inodes: [...inodes.values()] }, ...(warning && { warning }) };
}

type Lost = {
  owners: number;
  readonly setIds: ShownPath[];
  readonly xattrs: ShownPath[];
  readonly leftOut: ShownPath[];
};

/** Set-id bits would lend the files' new owner, who is the one that builds; other attributes than user.* are root's to set. */
function ownedBy({ uid, gid }: User, entry: SealedEntry, lost: Lost): Inode {
  const { node } = entry.inode;
  const name = shownPath(entry);
  if (node.uid !== uid || node.gid !== gid) lost.owners += 1;
  const isSetId = node.type !== "dir" && (node.mode & SET_ID_BITS) !== 0;
  if (isSetId) lost.setIds.push(name);
  const { xattrs, mode } = withXattrs(node, { path: name, lost }, (xattr) => xattr.startsWith("user."));
  return { ...node, uid, gid, xattrs, mode: isSetId ? mode & ~SET_ID_BITS : mode };
}

/** tar sets them by another way than the attributes that they are. */
function withoutAcls(entry: SealedEntry, lost: Lost): Inode {
  return withXattrs(entry.inode.node, { path: shownPath(entry), lost }, (xattr) => !xattr.startsWith("system."));
}

function withXattrs(
  node: Inode,
  { path, lost }: { readonly path: ShownPath; readonly lost: Lost },
  keeps: (xattr: ByteString) => boolean,
): Inode {
  const kept = [...node.xattrs].filter(([xattr]) => keeps(xattr));
  if (kept.length === node.xattrs.size) return node;
  lost.xattrs.push(path);
  return { ...node, mode: modeWithoutAcl(node), xattrs: new Map(kept) };
}

function warningOf({ owners, setIds, xattrs, leftOut }: Lost): Warning | undefined {
  const parts = [
    owners > 0 ? `the owners of ${owners} files` : undefined,
    setIds.length > 0 ? `the set-id bits of ${firstOf(setIds)}` : undefined,
    xattrs.length > 0 ? `extended attributes of ${firstOf(xattrs)}` : undefined,
    leftOut.length > 0 ? `the devices and sockets ${firstOf(leftOut)}` : undefined,
  ].filter((part) => part !== undefined);
  if (parts.length === 0) return undefined;
  const hint = 'as root it keeps all but sockets and ACLs; filesystem.type = "tar" keeps as much without root';
  return { message: `the folder is without ${parts.join(", ")}`, hint };
}
