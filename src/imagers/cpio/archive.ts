import type { ImagerContext } from "../../contract/imager.ts";
import { throwIfAborted } from "../../lib/context.ts";
import { modeWithoutAcl } from "../../rootfs/attributes/acl.ts";
import { readDense } from "../../rootfs/content.ts";
import type { SealedEntry, SealedInode, SealedTree } from "../../rootfs/seal.ts";
import { encodeHeader, padding, TRAILER, TYPE_BITS } from "./newc.ts";

/** The size of what `archiveBlocks` yields, the last one excepted. */
export const BLOCK_BYTES = 512 * 1024;

/** GNU cpio pads an archive to whole records. */
const RECORD_BYTES = 512;

const ZEROS = Buffer.alloc(RECORD_BYTES);
const MAX_UINT32 = 0xffffffff;

/**
 * The newc archive of a tree in blocks of 512 KiB, each a buffer of its own. The data of a hard-linked file comes with
 * its last name, as GNU cpio writes and both it and the kernel read it; a symlink's target with every name, because neither
 * looks for links among symlinks.
 */
export async function* archiveBlocks(tree: SealedTree, ctx: ImagerContext): AsyncGenerator<Buffer, void, undefined> {
  let block = Buffer.allocUnsafe(BLOCK_BYTES);
  let filled = 0;

  /** Copies bytes into the current block; yields it each time it is full. */
  function* put(bytes: Uint8Array): Generator<Buffer> {
    for (let done = 0; done < bytes.length; ) {
      const count = Math.min(bytes.length - done, BLOCK_BYTES - filled);
      block.set(bytes.subarray(done, done + count), filled);
      filled += count;
      done += count;
      if (filled < BLOCK_BYTES) return;
      yield block;
      block = Buffer.allocUnsafe(BLOCK_BYTES);
      filled = 0;
    }
  }

  const namesLeft = new Map<SealedInode, number>();
  let contentDone = 0;
  for (const entry of tree.entries) {
    throwIfAborted(ctx.signal);
    const { inode } = entry;
    const hasData = inode.nlink === 1 || inode.node.type === "symlink" || isLastName(inode, namesLeft);
    const size = hasData ? dataSize(inode) : 0;
    yield* put(encodeEntry(entry, size));
    if (size === 0) continue;
    const { node } = inode;
    if (node.type === "symlink") {
      yield* put(Buffer.from(node.target, "latin1"));
    } else if (node.type === "file") {
      for await (const part of readDense(node)) yield* put(part);
      contentDone += size;
      ctx.progress(contentDone, tree.contentBytes);
    }
    yield* put(ZEROS.subarray(0, padding(size)));
  }
  yield* put(encodeHeader({ ...TRAILER_HEADER, name: TRAILER }));
  yield* put(ZEROS.subarray(0, (RECORD_BYTES - (filled % RECORD_BYTES)) % RECORD_BYTES));
  if (filled > 0) yield block.subarray(0, filled);
}

const TRAILER_HEADER = { ino: 0, mode: 0, uid: 0, gid: 0, nlink: 1, mtime: 0, size: 0, rmajor: 0, rminor: 0 };

function encodeEntry({ path, inode }: SealedEntry, size: number): Buffer {
  const { node } = inode;
  const isDevice = node.type === "char" || node.type === "block";
  return encodeHeader({
    ino: inode.index + 1,
    mode: TYPE_BITS[node.type] | modeWithoutAcl(node),
    uid: node.uid,
    gid: node.gid,
    nlink: inode.nlink,
    mtime: Math.min(Math.max(0, inode.mtime.sec), MAX_UINT32),
    size,
    rmajor: isDevice ? node.major : 0,
    rminor: isDevice ? node.minor : 0,
    name: path === "" ? "." : path,
  });
}

function dataSize({ node }: SealedInode): number {
  return node.type === "file" ? node.size : node.type === "symlink" ? node.target.length : 0;
}

function isLastName(inode: SealedInode, namesLeft: Map<SealedInode, number>): boolean {
  const left = (namesLeft.get(inode) ?? inode.nlink) - 1;
  namesLeft.set(inode, left);
  return left === 0;
}
