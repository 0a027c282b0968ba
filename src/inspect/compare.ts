import { formatSize, fromByteString } from "../lib/bytes.ts";
import { modeWithoutAcl } from "../rootfs/attributes/acl.ts";
import { sameContent } from "../rootfs/content.ts";
import type { FileInode, Inode } from "../rootfs/node.ts";
import type { Loss } from "./reader.ts";

/** One thing in which two files differ, as people read it. */
export type Aspect = {
  readonly what: "type" | "mode" | "owner" | "size" | "content" | "target" | "device" | "mtime" | "xattr" | "links";
  /** Which attribute. */
  readonly name?: string;
  readonly a: string;
  readonly b: string;
};

/** An aspect in a few words: `mode 0644 -> 0600`. */
export function aspectText({ what, name, a, b }: Aspect): string {
  if (what === "content") return "content";
  if (what === "size") return `size ${formatSize(Number(a))} -> ${formatSize(Number(b))}`;
  return `${name ?? what} ${a} -> ${b}`;
}

/** How two inodes differ; what one of the formats cannot tell is no difference, and times only are where they are asked for. */
export async function aspectsOf(
  a: Inode,
  b: Inode,
  losses: ReadonlySet<Loss>,
  { withTimes = false }: { readonly withTimes?: boolean } = {},
): Promise<Aspect[]> {
  if (a.type !== b.type) return [{ what: "type", a: a.type, b: b.type }];
  const rows: Aspect[] = [
    { what: "mode", a: modeOf(a, losses), b: modeOf(b, losses) },
    { what: "owner", a: `${a.uid}:${a.gid}`, b: `${b.uid}:${b.gid}` },
    { what: "target", a: targetOf(a), b: targetOf(b) },
    { what: "device", a: deviceOf(a), b: deviceOf(b) },
    ...(withTimes ? [{ what: "mtime", a: timeOf(a), b: timeOf(b) } as const] : []),
    ...(losses.has("xattrs") ? [] : xattrsOf(a, b, losses)),
    ...(await contentOf(a, b)),
  ];
  return rows.filter((row) => row.a !== row.b);
}

const ACL_PREFIX = "system.posix_acl_";

/** With an ACL the group's bits are its mask, which a format without ACLs does not have. */
function modeOf(node: Inode, losses: ReadonlySet<Loss>): string {
  const mode = losses.has("xattrs") || losses.has("acls") ? modeWithoutAcl(node) : node.mode;
  return mode.toString(8).padStart(4, "0");
}

function targetOf(node: Inode): string {
  return node.type === "symlink" ? fromByteString(node.target) : "";
}

function deviceOf(node: Inode): string {
  return "major" in node ? `${node.major}:${node.minor}` : "";
}

/** To the nanosecond, in seconds where no calendar has them. */
function timeOf({ mtime: { sec, nsec } }: Inode): string {
  const date = new Date(sec * 1000);
  const shown = Number.isNaN(date.getTime()) ? String(sec) : date.toISOString().slice(0, 19);
  return nsec === 0 ? shown : `${shown}.${String(nsec).padStart(9, "0")}`;
}

function xattrsOf(a: Inode, b: Inode, losses: ReadonlySet<Loss>): Aspect[] {
  const names = new Set([...a.xattrs.keys(), ...b.xattrs.keys()]);
  const compared = losses.has("acls") ? [...names].filter((name) => !name.startsWith(ACL_PREFIX)) : [...names];
  return compared.map((name) => {
    const [one, other] = [a.xattrs.get(name), b.xattrs.get(name)];
    return { what: "xattr", name: fromByteString(name), a: shownValue(one), b: shownValue(other) };
  });
}

function shownValue(value: Uint8Array | undefined): string {
  return value === undefined ? "none" : `0x${Buffer.from(value).toString("hex")}`;
}

async function contentOf(a: Inode, b: Inode): Promise<Aspect[]> {
  if (a.type !== "file" || b.type !== "file") return [];
  if (a.size !== b.size) return [{ what: "size", a: String(a.size), b: String(b.size) }];
  return isSamePlace(a, b) || (await sameContent(a, b)) ? [] : [{ what: "content", a: "one", b: "another" }];
}

/** Images of the same layers have their files in the same place of the store. */
function isSamePlace({ content: a }: FileInode, { content: b }: FileInode): boolean {
  if (a === b) return true;
  return a.kind === "stored" && b.kind === "stored" && a.file === b.file && a.offset === b.offset && !a.segments;
}
