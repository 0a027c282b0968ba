import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { type BigIntStats, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { readContentSync } from "../../src/rootfs/content.ts";
import type { DirInode, Inode } from "../../src/rootfs/node.ts";

/** What there is to compare of one path. Texts are latin1; `links` are all names of the inode when it has several. */
export type Listed = {
  type: string;
  mode: string;
  owner: string;
  mtime: string;
  xattrs: Record<string, string>;
  links?: string[];
  device?: string;
  target?: string;
  content?: string;
};

export type Listing = Record<string, Listed>;

/** The tree in memory as a listing. */
export function listTree(root: DirInode): Listing {
  const listing: Listing = {};
  const names = new Map<Inode, string[]>();
  const visit = (node: Inode, path: string): void => {
    const xattrs = Object.fromEntries([...node.xattrs].map(([name, value]) => [name, hex(value)]));
    const { type, mode, uid, gid, mtime } = node;
    const listed: Listed = { type, mode: mode.toString(8), owner: `${uid}:${gid}`, mtime: time(mtime), xattrs };
    if (node.type === "file") listed.content = listedContent(readContentSync(node));
    if (node.type === "symlink") listed.target = node.target;
    if (node.type === "char" || node.type === "block") listed.device = `${node.major}:${node.minor}`;
    listing[path] = listed;
    names.set(node, [...(names.get(node) ?? []), path]);
    if (node.type === "dir") for (const [name, child] of node.children) visit(child, `${path}/${name}`);
  };
  visit(root, "");
  return withLinks(listing, names.values());
}

/** A folder of the host as a listing; read as root, it shows every owner and xattr. */
export function listFolder(folder: string): Listing {
  const listing: Listing = {};
  const names = new Map<bigint, string[]>();
  const xattrs = readXattrs(folder);
  const visit = (host: Buffer, path: string): void => {
    const stat = lstatSync(host, { bigint: true });
    const listed: Listed = {
      type: typeOf(stat),
      mode: (stat.mode & 0o7777n).toString(8),
      owner: `${stat.uid}:${stat.gid}`,
      mtime: nanoseconds(stat.mtimeNs),
      xattrs: xattrs.get(path) ?? {},
    };
    if (stat.isFile()) listed.content = listedContent(readFileSync(host));
    if (stat.isSymbolicLink()) listed.target = readlinkSync(host, { encoding: "buffer" }).toString("latin1");
    if (stat.isCharacterDevice() || stat.isBlockDevice()) listed.device = device(stat.rdev);
    listing[path] = listed;
    names.set(stat.ino, [...(names.get(stat.ino) ?? []), path]);
    if (!stat.isDirectory()) return;
    for (const name of readdirSync(host, { encoding: "buffer" })) {
      visit(Buffer.concat([host, Buffer.from("/"), name]), `${path}/${name.toString("latin1")}`);
    }
  };
  visit(Buffer.from(folder), "");
  return withLinks(listing, names.values());
}

function withLinks(listing: Listing, groups: Iterable<string[]>): Listing {
  for (const paths of groups) {
    if (paths.length < 2) continue;
    for (const path of paths) (listing[path] as Listed).links = [...paths].sort();
  }
  return listing;
}

/** `getfattr` quotes what is not printable as \ooo, and gives values in hex when asked to. */
function readXattrs(folder: string): Map<string, Record<string, string>> {
  const args = ["--recursive", "--no-dereference", "--physical", "--dump", "--match=-", "--encoding=hex", "."];
  const { stdout } = spawnSync("getfattr", args, { cwd: folder, encoding: "latin1" });
  const found = new Map<string, Record<string, string>>();
  for (const block of stdout.split("\n\n")) {
    const [head = "", ...lines] = block.split("\n");
    if (!head.startsWith("# file: ")) continue;
    const path = unquote(head.slice("# file: ".length));
    const pairs = lines.map((line) => /^([^=]+)(?:=(?:0x)?(.*))?$/.exec(line)).filter((match) => match !== null);
    found.set(
      path === "." ? "" : `/${path}`,
      Object.fromEntries(pairs.map(([, name = "", value]) => [unquote(name), value ?? ""])),
    );
  }
  return found;
}

function unquote(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function typeOf(stat: BigIntStats): string {
  if (stat.isFile()) return "file";
  if (stat.isDirectory()) return "dir";
  if (stat.isSymbolicLink()) return "symlink";
  if (stat.isCharacterDevice()) return "char";
  if (stat.isBlockDevice()) return "block";
  return stat.isFIFO() ? "fifo" : "socket";
}

/** The kernel's encoding of dev_t in user space (sys/sysmacros.h). */
function device(rdev: bigint): string {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

function time({ sec, nsec }: { sec: number; nsec: number }): string {
  return nanoseconds(BigInt(sec) * 1_000_000_000n + BigInt(nsec));
}

function nanoseconds(total: bigint): string {
  return `${total}ns`;
}

export function listedContent(bytes: Buffer | string): string {
  return `${bytes.length} bytes, ${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
