import { type ByteString, fromByteString, toByteString } from "../../lib/bytes.ts";
import { isFledgeError } from "../../lib/errors.ts";
import { memoize } from "../../lib/memoize.ts";
import { readContentSync } from "../content.ts";
import { lookup } from "../lookup.ts";
import type { DirInode, Inode, Metadata } from "../node.ts";
import type { Notes } from "../notes.ts";
import { ACCESS_ACL, type AccountIds, parseAcl, parseDefaultAcl } from "./acl.ts";

/** What the readers of archives call an ACL in text among the extended attributes: by its PAX key. */
export const TEXT_ACL = "SCHILY.acl.";
const ACCESS = `${TEXT_ACL}access` as ByteString;
const DEFAULT = `${TEXT_ACL}default` as ByteString;

/** Whether it is one that `TextAcls` takes; NFSv4's (`ace`) has no place in Linux. */
export function isTextAcl(xattr: string): boolean {
  return xattr === ACCESS || xattr === DEFAULT;
}

const XATTR_DEFAULT = toByteString("system.posix_acl_default");

/** No account file is larger. */
const MAX_ACCOUNT_BYTES = 4 * 2 ** 20;

type TextAcl = { readonly path: ByteString; readonly texts: Metadata["xattrs"] };

/**
 * The ACLs of a layer that came as text. They name accounts, whose ids are those of the guest: so they wait until all of the
 * layer is in place.
 */
export class TextAcls {
  readonly #waiting = new Map<Inode, TextAcl>();

  /** What an entry's archive says of `node`, which is new or has new metadata. */
  add(node: Inode, path: ByteString, xattrs: Metadata["xattrs"]): void {
    // What an earlier entry of the layer said of it holds no more.
    this.#waiting.delete(node);
    if ((xattrs.has(ACCESS) || xattrs.has(DEFAULT)) && node.type !== "symlink") {
      this.#waiting.set(node, { path, texts: xattrs });
    }
  }

  settle(root: DirInode, notes: Notes): void {
    if (this.#waiting.size === 0) return;
    const ids = accountsOf(root);
    for (const [node, acl] of this.#waiting) settleOne(node, acl, { ids, notes });
    this.#waiting.clear();
  }
}

function settleOne(node: Inode, { path, texts }: TextAcl, { ids, notes }: { ids: AccountIds; notes: Notes }): void {
  const shown = fromByteString(path);
  const { mode } = node;
  const xattrs = new Map(node.xattrs);
  const put = (name: ByteString, value: Uint8Array | undefined): void => {
    // In the encoding of the system calls it came with its ids.
    if (value !== undefined && !node.xattrs.has(name)) xattrs.set(name, value);
  };
  const access = texts.get(ACCESS);
  if (access !== undefined && !node.xattrs.has(ACCESS_ACL)) {
    const acl = parseAcl(textOf(access), mode, ids);
    // The group's bits of the mode are no more than what anybody named may do.
    if (acl === undefined) notes.add("an ACL cannot be read, so that the owning group may do nothing", shown);
    node.mode = acl?.mode ?? mode & ~0o070;
    put(ACCESS_ACL, acl?.xattr);
    for (const name of acl?.unknown ?? [])
      notes.add("left out of an ACL, being of no account of the guest", `${name} (${shown})`);
  }
  const inherited = texts.get(DEFAULT);
  if (inherited !== undefined && node.type === "dir") {
    const acl = parseDefaultAcl(textOf(inherited), mode, ids);
    if (acl === undefined) notes.add("a default ACL cannot be read and is left out", shown);
    put(XATTR_DEFAULT, acl?.xattr);
    for (const name of acl?.unknown ?? [])
      notes.add("left out of an ACL, being of no account of the guest", `${name} (${shown})`);
  }
  node.xattrs = new Map([...xattrs].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function textOf(value: Uint8Array): string {
  return Buffer.from(value).toString("latin1");
}

/** By the guest's own files, read when the first name is asked for. */
function accountsOf(root: DirInode): AccountIds {
  const users = memoize(() => idsIn(root, "etc/passwd"));
  const groups = memoize(() => idsIn(root, "etc/group"));
  return { user: (name) => users().get(name), group: (name) => groups().get(name) };
}

function idsIn(root: DirInode, path: string): ReadonlyMap<string, number> {
  const ids = new Map<string, number>();
  const file = fileAt(root, path);
  if (file === undefined || file.size > MAX_ACCOUNT_BYTES) return ids;
  for (const line of readContentSync(file).toString("latin1").split("\n")) {
    const [name = "", , id = ""] = line.split(":");
    if (/^\d{1,10}$/.test(id) && !ids.has(name)) ids.set(name, Number(id));
  }
  return ids;
}

function fileAt(root: DirInode, path: string): (Inode & { type: "file" }) | undefined {
  try {
    const node = lookup(root, toByteString(path), { followLast: true })?.node;
    return node?.type === "file" ? node : undefined;
  } catch (error) {
    if (isFledgeError(error)) return undefined;
    throw error;
  }
}
