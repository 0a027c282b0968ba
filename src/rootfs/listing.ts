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

/** Lists a tree: names, types, modes, owners, times, xattrs, links, and what stands for contents. Linear; hears an abort. */
export async function listTree(tree: SealedTree, idOf: ContentId, signal: AbortSignal): Promise<TreeListing> {
  const hash = createHash("sha256");
  const names = new Map<ByteString, number>();
  const isKept = tree.entries.length <= MOST_NAMES;
  const pause = new Pause(signal);
  for (const { path, inode, isFirstName } of tree.entries) {
    const what = isFirstName ? await describe(inode, idOf) : `link ${inode.index}`;
    // Lengths first, so that no name can be taken for what another one is.
    hash.update(`${path.length} ${what.length} ${path} ${what}\n`, "latin1");
    if (isKept) names.set(path, crc32(Buffer.from(what, "latin1")));
    if (pause.isDue()) await pause.take();
  }
  return { digest: digestOf(hash), names };
}

async function describe({ node, mtime, nlink }: SealedInode, idOf: ContentId): Promise<string> {
  const { type, mode, uid, gid } = node;
  const id = node.type === "file" ? await idOf(node) : placeOf(node);
  return `${type} ${mode.toString(8)} ${uid} ${gid} ${mtime.sec} ${mtime.nsec} ${nlink} ${xattrsOf(node)} ${id}`;
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
