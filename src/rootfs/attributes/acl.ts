import { toByteString } from "../../lib/bytes.ts";
import type { Metadata } from "../node.ts";

/*
 * A POSIX ACL as text, in the notation of acl_to_text(3) with the extras that archives have (star, GNU tar, libarchive):
 *   user::rw-,user:jo:r--:1000,group::r--,mask::r--,other::r--
 * Entries are set apart by commas or newlines, words may be cut to their first letter, a fourth field is the id of the
 * name, mask and other may lack one colon, and what follows a # is a comment.
 *
 * As an extended attribute (posix_acl_xattr_entry): version u32 = 2, then e_tag u16, e_perm u16, e_id u32 for each entry,
 * little-endian.
 */
const VERSION = 2;
const NO_ID = 0xffffffff;
const OWNER = 0x01;
const USER = 0x02;
const OWNING_GROUP = 0x04;
const GROUP = 0x08;
const MASK = 0x10;
const OTHER = 0x20;

/** The attribute that holds the ACL which the mode stands for. */
export const ACCESS_ACL = toByteString("system.posix_acl_access");

const WORDS: Readonly<Record<string, "user" | "group" | "mask" | "other">> = {
  user: "user",
  u: "user",
  group: "group",
  g: "group",
  mask: "mask",
  m: "mask",
  other: "other",
  o: "other",
};

type Entry = { readonly tag: number; readonly perm: number; readonly id: number };

/** The ids of the names in an ACL; undefined for a name that nobody has. */
export type AccountIds = { user(name: string): number | undefined; group(name: string): number | undefined };

/** What an ACL comes to: the mode's bits and, where those are not all of it, the value of the extended attribute. */
export type Acl = {
  readonly mode: number;
  readonly xattr: Uint8Array | undefined;
  /** Names without an id, whose entries are left out. */
  readonly unknown: readonly string[];
};

/**
 * The ACL of a text. `mode` is that of the file: it holds what the text does not say, and the bits above 0777 stay. Returns
 * undefined for what is no ACL.
 */
export function parseAcl(text: string, mode: number, ids: AccountIds): Acl | undefined {
  const entries = new Map<string, Entry>();
  const unknown: string[] = [];
  for (const line of text.split(/[,\n]/)) {
    const [word = "", ...fields] = line.replace(/#.*/s, "").trim().split(":");
    if (word === "") continue;
    const kind = WORDS[word.trim()];
    if (kind === undefined) return undefined;
    // "other:r--" is met as well as "other::r--".
    const [name = "", perms = "", number = ""] = fields.length === 1 ? ["", ...fields] : fields;
    const perm = permOf(perms.trim());
    if (perm === undefined) return undefined;
    const entry = entryOf(kind, perm, { name: name.trim(), number: number.trim() }, ids);
    if (entry === undefined) unknown.push(`${kind} ${name}`);
    else entries.set(`${entry.tag}:${entry.id}`, entry);
  }
  return { ...complete([...entries.values()], mode), unknown };
}

function entryOf(
  kind: "user" | "group" | "mask" | "other",
  perm: number,
  { name, number }: { readonly name: string; readonly number: string },
  ids: AccountIds,
): Entry | undefined {
  if (kind === "mask") return { tag: MASK, perm, id: NO_ID };
  if (kind === "other") return { tag: OTHER, perm, id: NO_ID };
  if (name === "") return { tag: kind === "user" ? OWNER : OWNING_GROUP, perm, id: NO_ID };
  // The owners of files come by number, too.
  const id = idOf(number) ?? idOf(name) ?? (kind === "user" ? ids.user(name) : ids.group(name));
  return id === undefined ? undefined : { tag: kind === "user" ? USER : GROUP, perm, id };
}

function complete(entries: readonly Entry[], mode: number): Omit<Acl, "unknown"> {
  const named = entries.filter(({ tag }) => tag === USER || tag === GROUP);
  const permOf = (tag: number): number | undefined => entries.find((entry) => entry.tag === tag)?.perm;
  const owner = permOf(OWNER) ?? (mode >> 6) & 7;
  const group = permOf(OWNING_GROUP) ?? (mode >> 3) & 7;
  const other = permOf(OTHER) ?? mode & 7;
  // Where there are more than the three, the group's bits of the mode are the mask.
  const mask = permOf(MASK) ?? (named.length > 0 ? (mode >> 3) & 7 : undefined);
  const bits = (mode & 0o7000) | (owner << 6) | ((mask ?? group) << 3) | other;
  if (mask === undefined) return { mode: bits, xattr: undefined };
  const all = [
    { tag: OWNER, perm: owner, id: NO_ID },
    ...named,
    { tag: OWNING_GROUP, perm: group, id: NO_ID },
    { tag: MASK, perm: mask, id: NO_ID },
    { tag: OTHER, perm: other, id: NO_ID },
  ];
  return { mode: bits, xattr: encode(all.sort((a, b) => a.tag - b.tag || a.id - b.id)) };
}

function encode(entries: readonly Entry[]): Uint8Array {
  const out = Buffer.alloc(4 + 8 * entries.length);
  out.writeUInt32LE(VERSION, 0);
  for (const [i, { tag, perm, id }] of entries.entries()) {
    out.writeUInt16LE(tag, 4 + 8 * i);
    out.writeUInt16LE(perm, 6 + 8 * i);
    out.writeUInt32LE(id, 8 + 8 * i);
  }
  return out;
}

/** The value of a default ACL, which has all its entries even where a mode would say as much. */
export function parseDefaultAcl(text: string, mode: number, ids: AccountIds): Acl | undefined {
  const acl = parseAcl(text, mode, ids);
  if (acl === undefined || acl.xattr !== undefined) return acl;
  const [owner, group, other] = [(acl.mode >> 6) & 7, (acl.mode >> 3) & 7, acl.mode & 7] as const;
  const entries = [
    { tag: OWNER, perm: owner, id: NO_ID },
    { tag: OWNING_GROUP, perm: group, id: NO_ID },
    { tag: OTHER, perm: other, id: NO_ID },
  ];
  return { ...acl, xattr: encode(entries) };
}

/**
 * The mode of a file where its access ACL, if it has one, is lost: with one the group's bits are the most that anybody named
 * may do, and the owning group may do no more than both say.
 */
export function modeWithoutAcl({ mode, xattrs }: Pick<Metadata, "mode" | "xattrs">): number {
  const acl = xattrs.get(ACCESS_ACL);
  if (acl === undefined) return mode;
  const entries = Buffer.from(acl.buffer, acl.byteOffset, acl.byteLength);
  for (let at = 4; at + 8 <= entries.length; at += 8) {
    if (entries.readUInt16LE(at) === OWNING_GROUP) return mode & ~(0o070 & ~((entries.readUInt16LE(at + 2) & 7) << 3));
  }
  return mode & ~0o070;
}

function permOf(perms: string): number | undefined {
  if (!/^[rwx-]{0,8}$/.test(perms)) return undefined;
  return (perms.includes("r") ? 4 : 0) | (perms.includes("w") ? 2 : 0) | (perms.includes("x") ? 1 : 0);
}

function idOf(text: string): number | undefined {
  const id = /^\d{1,10}$/.test(text) ? Number(text) : NO_ID;
  return id < NO_ID ? id : undefined;
}
