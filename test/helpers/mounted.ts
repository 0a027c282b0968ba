import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { type BigIntStats, closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import { fromByteString } from "../../src/lib/bytes.ts";
import { readContent } from "../../src/rootfs/content.ts";
import type { FileInode, Inode, InodeType } from "../../src/rootfs/node.ts";
import type { SealedEntry, SealedTree } from "../../src/rootfs/seal.ts";

const ZEROS = Buffer.alloc(1 << 20);
const BUFFER = Buffer.alloc(1 << 20);

const TYPES: Readonly<Record<Inode["type"], bigint>> = {
  file: 0o100000n,
  dir: 0o040000n,
  symlink: 0o120000n,
  char: 0o020000n,
  block: 0o060000n,
  fifo: 0o010000n,
  socket: 0o140000n,
};

export type Allowances = {
  /** Names in the root that the filesystem adds by itself. */
  readonly allowed?: readonly string[];
  /** Some filesystems say 1 for every folder. */
  readonly countsFolderLinks?: boolean;
  /** Some tools leave the folder that they unpack into as it is. */
  readonly showsRoot?: boolean;
  /** Some tools restore the times of some types only. Default all. */
  readonly showsTimeOf?: (type: InodeType) => boolean;
};

/**
 * All differences between a tree and what the kernel shows of it under `root`: names, type, mode, owner, mtime, link
 * count and identity, device numbers, targets, sizes, bytes and extended attributes. None is an empty list.
 */
export async function differences(
  tree: SealedTree,
  root: string,
  { allowed = ["lost+found"], countsFolderLinks = true, showsRoot = true, showsTimeOf = () => true }: Allowances = {},
): Promise<string[]> {
  const found: string[] = [];
  const xattrs = dumpXattrs(root);
  const numbers = new Map<number, bigint>();
  const complain = (entry: SealedEntry, what: string, actual: unknown, expected: unknown): void => {
    if (actual !== expected) found.push(`/${fromByteString(entry.path)}: ${what} is ${actual}, not ${expected}`);
  };
  for (const entry of tree.entries) {
    const { node, mtime, index } = entry.inode;
    const path = hostPath(root, entry.path);
    const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (!stat) {
      found.push(`/${fromByteString(entry.path)} is missing`);
      continue;
    }
    numbers.set(index, numbers.get(index) ?? stat.ino);
    if (entry.path === "" && !showsRoot) continue;
    complain(entry, "type", stat.mode & 0o170000n, TYPES[node.type]);
    complain(entry, "mode", stat.mode & 0o7777n, BigInt(node.mode));
    complain(entry, "owner", `${stat.uid}:${stat.gid}`, `${node.uid}:${node.gid}`);
    if (showsTimeOf(node.type)) {
      complain(entry, "mtime", stat.mtimeNs, BigInt(mtime.sec) * 1_000_000_000n + BigInt(mtime.nsec));
    }
    complain(entry, "inode", stat.ino, numbers.get(index));
    if (node.type !== "dir" || countsFolderLinks) {
      complain(entry, "link count", stat.nlink, linkCount(entry, allowed));
    }
    complain(entry, "xattrs", xattrs.get(path.toString("latin1")) ?? "", expectedXattrs(node));
    await compareByType(entry, path, stat, complain);
  }
  if (new Set(numbers.values()).size !== numbers.size) found.push("different files share an inode");
  return found;
}

type Complain = (entry: SealedEntry, what: string, actual: unknown, expected: unknown) => void;

async function compareByType(entry: SealedEntry, path: Buffer, stat: BigIntStats, complain: Complain): Promise<void> {
  const { node } = entry.inode;
  if (node.type === "file") {
    complain(entry, "size", stat.size, BigInt(node.size));
    if (entry.isFirstName) complain(entry, "content", hashOnDisk(path), await hashOf(node));
  } else if (node.type === "symlink") {
    complain(entry, "target", readlinkSync(path, { encoding: "latin1" }), node.target);
  } else if (node.type === "char" || node.type === "block") {
    complain(
      entry,
      "device",
      `${(stat.rdev >> 8n) & 0xfffn}:${((stat.rdev >> 20n) << 8n) | (stat.rdev & 0xffn)}`,
      `${node.major}:${node.minor}`,
    );
  } else if (node.type === "dir") {
    const names = readdirSync(path, { encoding: "latin1" }).filter(
      (name) => entry.path !== "" || name !== "lost+found",
    );
    const expected = entry.inode.entries
      .map(({ name }) => name)
      .filter((name) => entry.path !== "" || name !== "lost+found");
    complain(entry, "names", names.sort().join("\0"), expected.sort().join("\0"));
  }
}

function linkCount({ path, inode }: SealedEntry, allowed: readonly string[]): bigint {
  const extra = path === "" ? allowed.filter((name) => !inode.entries.some((entry) => entry.name === name)).length : 0;
  const count = inode.nlink + extra;
  return inode.node.type === "dir" && count > 65_000 ? 1n : BigInt(count);
}

/** Path (latin1) to sorted `name=hex` lines, of everything below `root` that has an attribute. */
function dumpXattrs(root: string): Map<string, string> {
  const script = 'find "$1" -print0 | xargs -0 -r getfattr -d -m - -e hex --absolute-names -h --';
  const { stdout, stderr } = spawnSync("sh", ["-c", script, "sh", root], { encoding: "latin1", maxBuffer: 1 << 28 });
  // A squashfs without any has no table of them.
  const failures = stderr.split("\n").filter((line) => line !== "" && !line.endsWith("Operation not supported"));
  if (failures.length > 0) throw new Error(failures.join("\n"));
  const dump = new Map<string, string>();
  for (const paragraph of stdout.split("\n\n")) {
    const [header, ...lines] = paragraph.split("\n").filter((line) => line !== "");
    if (header === undefined) continue;
    // getfattr escapes what is not printable in octal.
    const values = lines.map((line) => line.replace(/=0x$/, "="));
    dump.set(unquote(header.slice("# file: ".length)), values.map(unquote).sort().join("\n"));
  }
  return dump;
}

function unquote(text: string): string {
  return text.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function expectedXattrs(node: Inode): string {
  return [...node.xattrs]
    .map(([name, value]) => (value.length > 0 ? `${name}=0x${Buffer.from(value).toString("hex")}` : `${name}=`))
    .sort()
    .join("\n");
}

function hashOnDisk(path: Buffer): string {
  const hash = createHash("sha256");
  const fd = openSync(path, "r");
  try {
    for (let read = readSync(fd, BUFFER); read > 0; read = readSync(fd, BUFFER)) hash.update(BUFFER.subarray(0, read));
  } finally {
    closeSync(fd);
  }
  return hash.digest("hex");
}

async function hashOf(file: FileInode): Promise<string> {
  const hash = createHash("sha256");
  let at = 0;
  const fill = (end: number): void => {
    for (; at < end; at += Math.min(ZEROS.length, end - at))
      hash.update(ZEROS.subarray(0, Math.min(ZEROS.length, end - at)));
  };
  for await (const chunk of readContent(file)) {
    fill(chunk.at);
    hash.update(chunk.bytes);
    at += chunk.bytes.length;
  }
  fill(file.size);
  return hash.digest("hex");
}

function hostPath(root: string, path: string): Buffer {
  return Buffer.from(path === "" ? root : `${root}/${path}`, "latin1");
}
