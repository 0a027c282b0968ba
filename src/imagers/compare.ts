import type { ImagerContext } from "../contract/imager.ts";
import { type ByteString, fromByteString } from "../lib/bytes.ts";
import { throwIfAborted } from "../lib/context.ts";
import { type ErrorCode, FledgeError, isFledgeError, messageOf } from "../lib/errors.ts";
import { sameContent } from "../rootfs/content.ts";
import type { Inode, Mtime } from "../rootfs/node.ts";
import type { SealedEntry, SealedInode, SealedTree } from "../rootfs/seal.ts";

/** What a format keeps of a tree; all that is not said here it keeps whole. */
export type Kept = {
  mtime?(mtime: Mtime): Mtime;
  xattr?(name: ByteString, node: Inode): boolean;
  inode?(node: Inode): boolean;
  /** Whether it can be told that two names are of one inode. */
  links?(node: Inode): boolean;
};

const HINT = "the image is not what was meant; build again, and report it if it stays so";

/**
 * Compares what was read back from an image with the tree that was meant: names and their links, type, mode, owner,
 * mtime, attributes, device numbers, targets, sizes and all bytes. Throws a `verify` error that names the path.
 */
export async function compareTrees(
  expected: SealedTree,
  actual: SealedTree,
  kept: Kept,
  { signal, progress }: Pick<ImagerContext, "signal" | "progress">,
): Promise<void> {
  const wanted = expected.entries.filter(({ inode }) => kept.inode?.(inode.node) ?? true);
  const pairs = new Map<SealedInode, SealedInode>();
  let doneBytes = 0;
  for (const [position, entry] of wanted.entries()) {
    throwIfAborted(signal);
    const found = actual.entries[position];
    if (found?.path !== entry.path) throw misplaced(entry, found);
    const hasLinks = kept.links?.(entry.inode.node) ?? true;
    const known = hasLinks ? pairs.get(entry.inode) : undefined;
    if (known !== undefined) {
      if (known !== found.inode) throw differs(entry.path, "is not linked to the names it should be");
      continue;
    }
    if (hasLinks && !found.isFirstName) throw differs(entry.path, "is linked to a name that it should not be");
    pairs.set(entry.inode, found.inode);
    compareMetadata(entry, found.inode, kept);
    await compareBytes(entry, found.inode.node);
    if (entry.inode.node.type === "file") doneBytes += entry.inode.node.size;
    progress(doneBytes, expected.contentBytes);
  }
  const extra = actual.entries[wanted.length];
  if (extra !== undefined) throw differs(extra.path, "is in the image, but not in the tree");
}

/** What went wrong elsewhere than in the artifact. */
const ELSEWHERE: ReadonlySet<ErrorCode> = new Set(["aborted", "io", "tool", "verify"]);

/** Runs what reads an artifact back: that it cannot be read is a `verify` error, like a difference. */
export async function readingBack<T>(image: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (isFledgeError(error) && ELSEWHERE.has(error.code)) throw error;
    throw new FledgeError("verify", `${image} cannot be read back: ${messageOf(error)}`, { hint: HINT, cause: error });
  }
}

function misplaced({ path }: SealedEntry, found: SealedEntry | undefined): FledgeError {
  // Both are in the same order, so the smaller of the two is the one that the other side lacks.
  if (found === undefined || found.path > path) return differs(path, "is missing from the image");
  return differs(found.path, "is in the image, but not in the tree");
}

function compareMetadata(entry: SealedEntry, found: SealedInode, kept: Kept): void {
  const { inode } = entry;
  const { node } = inode;
  const mtime = kept.mtime?.(inode.mtime) ?? inode.mtime;
  const facts = (of: Inode, { sec, nsec }: Mtime): [what: string, value: string][] => [
    ["type", of.type],
    ["mode", of.mode.toString(8)],
    ["owner", `${of.uid}:${of.gid}`],
    ["mtime", `${sec}.${String(nsec).padStart(9, "0")}`],
    ["size", of.type === "file" ? String(of.size) : ""],
    ["target", of.type === "symlink" ? fromByteString(of.target) : ""],
    ["device number", of.type === "char" || of.type === "block" ? `${of.major}:${of.minor}` : ""],
  ];
  const actual = facts(found.node, found.mtime);
  for (const [index, [what, value]] of facts(node, mtime).entries()) {
    const is = actual[index]?.[1];
    if (is !== value) throw differs(entry.path, `${what} is ${is}, should be ${value}`);
  }
  compareXattrs(entry, found.node, kept);
}

function compareXattrs(entry: SealedEntry, found: Inode, kept: Kept): void {
  const { node } = entry.inode;
  for (const [name, value] of node.xattrs) {
    if (kept.xattr?.(name, node) === false) continue;
    const actual = found.xattrs.get(name);
    if (actual === undefined) throw differs(entry.path, `lacks the extended attribute ${fromByteString(name)}`);
    if (!Buffer.from(actual).equals(value)) throw differs(entry.path, `has another value of ${fromByteString(name)}`);
  }
  for (const name of found.xattrs.keys()) {
    if (!node.xattrs.has(name))
      throw differs(entry.path, `has the extended attribute ${fromByteString(name)}, which the tree has not`);
  }
}

async function compareBytes(entry: SealedEntry, found: Inode): Promise<void> {
  const { node } = entry.inode;
  if (node.type !== "file" || found.type !== "file") return;
  if (!(await sameContent(node, found))) throw differs(entry.path, "has other content");
}

/** The error that says of a path what the artifact has wrong. */
export function differs(path: ByteString, how: string): FledgeError {
  return new FledgeError("verify", `/${fromByteString(path)} ${how}`, {
    hint: HINT,
  });
}
