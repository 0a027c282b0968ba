import type { ByteString } from "../lib/bytes.ts";
import { toText } from "../lib/bytes.ts";
import { throwIfAborted } from "../lib/context.ts";
import { CAPABILITY_XATTR, decodeCapability } from "../rootfs/attributes/capability.ts";
import { readRangeSync } from "../rootfs/content.ts";
import { ELF_HEADER_BYTES, readElfHeader } from "../rootfs/elf.ts";
import { lookup } from "../rootfs/lookup.ts";
import type { DirInode } from "../rootfs/node.ts";
import type { SealedEntry, SealedTree } from "../rootfs/seal.ts";

/** A path that is worth a look, and why. */
export type ImageFinding = { readonly path: string; readonly what: string };

/** What deserves a look in an image. */
export type ImageFindings = {
  /** With setuid or setgid bits. */
  readonly setuid: readonly ImageFinding[];
  readonly capabilities: readonly ImageFinding[];
  /** Files, and folders without the sticky bit. */
  readonly worldWritable: readonly ImageFinding[];
  readonly privateKeys: readonly ImageFinding[];
  readonly danglingLinks: readonly ImageFinding[];
  /** Programs and libraries that another processor runs. */
  readonly foreignPrograms: readonly ImageFinding[];
};

const HEAD_BYTES = 4096;
/** A key that anybody would put into an image is shorter. */
const MAX_KEY_BYTES = 64 * 1024;
const KEY = /^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----\r?$|^PuTTY-User-Key-File-|^AGE-SECRET-KEY-1/m;
const KEY_WORDS = ["PRIVATE KEY-----", "PuTTY-User-Key-File-", "AGE-SECRET-KEY-1"];
/** Mounted over when the guest runs, so that a link into them leads somewhere then. */
const MOUNTED = /^\/(?:proc|sys|dev|run)(?:\/|$)/;

/** ELF's names of the architectures that images have. */
const MACHINES: Readonly<Record<string, readonly string[]>> = {
  amd64: ["x86_64", "i386"],
  "386": ["i386"],
  arm64: ["aarch64", "arm"],
  arm: ["arm"],
  riscv64: ["riscv"],
  ppc64le: ["ppc64"],
  s390x: ["s390"],
  loong64: ["loongarch"],
};

/** Looks at each inode once, under its first name, and at the first bytes of each file. */
export function findingsIn(tree: SealedTree, architecture: string | undefined, signal: AbortSignal): ImageFindings {
  const root = tree.inodes[0]?.node as DirInode;
  const found = {
    setuid: [] as ImageFinding[],
    capabilities: [] as ImageFinding[],
    worldWritable: [] as ImageFinding[],
    privateKeys: [] as ImageFinding[],
    danglingLinks: [] as ImageFinding[],
  };
  const programs: { path: string; machine: string }[] = [];
  for (const entry of tree.entries) {
    if (!entry.isFirstName) continue;
    throwIfAborted(signal);
    const { node } = entry.inode;
    const path = `/${toText(entry.path)}`;
    if (node.type === "symlink") {
      if (isDangling(root, entry)) found.danglingLinks.push({ path, what: `leads to ${toText(node.target)}` });
      continue;
    }
    for (const [list, what] of bitsOf(node)) found[list].push({ path, what });
    if (node.type !== "file" || node.size === 0) continue;
    const capability = node.xattrs.get(CAPABILITY_XATTR as ByteString);
    if (capability !== undefined) found.capabilities.push({ path, what: decodeCapability(capability) });
    const mayBeKey = node.size <= MAX_KEY_BYTES;
    const head = readRangeSync(node, 0, mayBeKey ? HEAD_BYTES : ELF_HEADER_BYTES);
    const key = mayBeKey ? keyIn(head) : undefined;
    if (key !== undefined) found.privateKeys.push({ path, what: key });
    const elf = readElfHeader(head);
    if (elf !== undefined) programs.push({ path, machine: elf.machine });
  }
  return { ...found, foreignPrograms: foreign(programs, architecture) };
}

function keyIn(head: Buffer): string | undefined {
  // Most files have none of the words, and to look for those is a tenth of the work.
  if (!KEY_WORDS.some((word) => head.includes(word))) return undefined;
  return KEY.exec(head.toString("latin1"))?.[0].replaceAll("-", " ").trim();
}

function bitsOf({ type, mode }: SealedEntry["inode"]["node"]): (readonly ["setuid" | "worldWritable", string])[] {
  const octal = mode.toString(8).padStart(4, "0");
  const isSetuid = type === "file" && (mode & 0o6000) !== 0;
  const isOpen = (mode & 0o002) !== 0 && (type === "file" || (type === "dir" && (mode & 0o1000) === 0));
  return [...(isSetuid ? [["setuid", octal] as const] : []), ...(isOpen ? [["worldWritable", octal] as const] : [])];
}

function isDangling(root: DirInode, { path, inode }: SealedEntry): boolean {
  const { node } = inode;
  if (node.type !== "symlink" || MOUNTED.test(node.target)) return false;
  try {
    return lookup(root, `/${path}` as ByteString, { followLast: true })?.node === undefined;
  } catch {
    return true; // in a circle, or through a file
  }
}

/** Where nothing says what the image is for, it is for what most of its programs are. */
function foreign(
  programs: readonly { path: string; machine: string }[],
  architecture: string | undefined,
): ImageFinding[] {
  const counts = new Map<string, number>();
  for (const { machine } of programs) counts.set(machine, (counts.get(machine) ?? 0) + 1);
  const [most] = [...counts].sort(([, a], [, b]) => b - a);
  const known = architecture === undefined ? undefined : MACHINES[architecture];
  const own = known ?? (most === undefined ? [] : [most[0]]);
  return programs.filter(({ machine }) => !own.includes(machine)).map(({ path, machine }) => ({ path, what: machine }));
}
