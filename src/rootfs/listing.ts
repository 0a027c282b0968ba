import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { type ByteString, compareBytes } from "../lib/bytes.ts";
import type { Awaitable } from "../lib/context.ts";
import { type Digest, digestOf } from "../lib/digest.ts";
import { Pause } from "../lib/pause.ts";
import type { FileInode, Inode } from "./node.ts";
import type { SealedInode, SealedTree } from "./seal.ts";

/** Stands for the bytes of a regular file: where it is the same, so are they. */
export type ContentId = (file: FileInode) => Awaitable<string>;

/** All that an artifact can tell of a sealed tree, names in order. */
export type TreeListing = {
  /** Trees of one digest are the same. */
  readonly digest: Digest;
  /** A checksum of each name and what it is of, by which two trees are compared; of a very large tree none are kept. */
  readonly names: ReadonlyMap<ByteString, number>;
};

/** Beyond, the names themselves would take more memory than all the rest. */
const MOST_NAMES = 200_000;
/** To hash each name by itself takes longer than the hashing. */
const HASHED_CHARS = 65_536;

/** Lists a tree: names, types, modes, owners, times, xattrs, links, and what stands for contents. Linear; hears an abort. */
export async function listTree(tree: SealedTree, idOf: ContentId, signal: AbortSignal): Promise<TreeListing> {
  const hash = createHash("sha256");
  const names = new Map<ByteString, number>();
  const isKept = tree.entries.length <= MOST_NAMES;
  const pause = new Pause(signal);
  let text = "";
  for (const { path, inode, isFirstName } of tree.entries) {
    const described = isFirstName ? describe(inode, idOf) : `link ${inode.index}`;
    // Of nearly all it is known at once, and to wait for each of them takes longer than to describe it.
    const what = typeof described === "string" ? described : await described;
    // Lengths first, so that no name can be taken for what another one is.
    text += `${path.length} ${what.length} ${path} ${what}\n`;
    if (text.length >= HASHED_CHARS) {
      hash.update(text, "latin1");
      text = "";
    }
    if (isKept) names.set(path, crc32(what));
    if (pause.isDue()) await pause.take();
  }
  hash.update(text, "latin1");
  return { digest: digestOf(hash), names };
}

function describe({ node, mtime, nlink }: SealedInode, idOf: ContentId): Awaitable<string> {
  const { type, mode, uid, gid } = node;
  const own = `${type} ${mode.toString(8)} ${uid} ${gid} ${mtime.sec} ${mtime.nsec} ${nlink} ${xattrsOf(node)}`;
  const id = node.type === "file" ? idOf(node) : placeOf(node);
  return typeof id === "string" ? `${own} ${id}` : id.then((known) => `${own} ${known}`);
}

function placeOf(node: Exclude<Inode, FileInode>): string {
  if (node.type === "symlink") return node.target;
  return "major" in node ? `${node.major} ${node.minor}` : "";
}

function xattrsOf({ xattrs }: Inode): string {
  if (xattrs.size === 0) return "-";
  const sorted = [...xattrs].sort(([a], [b]) => compareBytes(a, b));
  return sorted.map(([name, value]) => `${name.length} ${name}=${Buffer.from(value).toString("hex")}`).join(",");
}
