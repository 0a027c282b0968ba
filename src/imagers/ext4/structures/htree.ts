import type { ByteString } from "../../../lib/bytes.ts";
import { FledgeError } from "../../../lib/errors.ts";
import type { ShownPath } from "../../../rootfs/shown-path.ts";
import { BLOCK_BYTES } from "./constants.ts";
import { crc32c } from "./crc32c.ts";
import { DIR_ROOM, type DirEntry, encodeEntry, recordLength } from "./directory.ts";
import { dirHash, type HashSeed } from "./dirhash.ts";

/*
 * Hash tree directory (kernel: Documentation/filesystems/ext4/directory.rst). Block 0 is the root, then come the
 * nodes of the second level if there is one, then the leaves: ordinary directory blocks, each with one range of hashes.
 * Old kernels see "." and ".." and otherwise empty blocks.
 *
 *   dx_root                                      dx_node
 *   0x00 "." (rec_len 12)                        0x00 fake entry: inode 0, rec_len 4096
 *   0x0c ".." (rec_len to the end of the block)  0x08 limit u16, count u16, block u32, then dx_entry[]
 *   0x18 reserved_zero u32
 *   0x1c hash_version  u8 = 1 (half MD4)         dx_entry: hash u32, block u32; the first has no hash, its place
 *   0x1d info_length   u8 = 8                    is taken by limit and count
 *   0x1e indirect_levels u8                      dx_tail in the last 8 bytes: dt_reserved u32, dt_checksum u32 =
 *   0x20 limit u16, count u16, block u32,        crc32c(inode seed, block up to the last entry, then the tail
 *        then dx_entry[]                         with a checksum of 0)
 */
const ROOT_ENTRIES_AT = 0x20;
const NODE_ENTRIES_AT = 0x08;
const DX_ENTRY_BYTES = 8;
const DX_TAIL_BYTES = 8;
const HALF_MD4 = 1;
const DX_INFO_BYTES = 8;
export const ROOT_LIMIT: number = (BLOCK_BYTES - ROOT_ENTRIES_AT - DX_TAIL_BYTES) / DX_ENTRY_BYTES;
export const NODE_LIMIT: number = (BLOCK_BYTES - NODE_ENTRIES_AT - DX_TAIL_BYTES) / DX_ENTRY_BYTES;

/** How the entries of a directory spread over the leaves. Logical block of leaf i: 1 + `nodeCount` + i. */
export type HtreePlan = {
  /** Positions in the directory's entries, by hash. */
  readonly order: Uint32Array;
  /** Per leaf: where its first entry stands in `order`; one more for the end. */
  readonly leafStart: readonly number[];
  /** Per leaf: the lowest hash in it; its lowest bit says that the leaf before ends with the same hash. */
  readonly leafHash: readonly number[];
  /** Blocks of the second level; 0 when the root can point at all leaves. */
  readonly nodeCount: number;
};

/** Sorts names by hash and packs them. Throws an `image` error that names `path` when two levels are not enough. */
export function planHtree(names: readonly ByteString[], seed: HashSeed, path: ShownPath): HtreePlan {
  const hashes = Uint32Array.from(names, (name) => dirHash(name, seed));
  const hashAt = (i: number): number => hashes[i] as number;
  const order = new Uint32Array(names.length).map((_, i) => i).sort((a, b) => hashAt(a) - hashAt(b) || a - b);

  const leafStart: number[] = [];
  const leafHash: number[] = [];
  let room = 0;
  let previous = -1;
  order.forEach((entry, i) => {
    const length = recordLength((names[entry] as ByteString).length);
    const hash = hashAt(entry);
    if (length > room) {
      leafStart.push(i);
      leafHash.push(hash === previous ? hash + 1 : hash);
      room = DIR_ROOM;
    }
    room -= length;
    previous = hash;
  });
  const leafCount = leafStart.length;
  leafStart.push(order.length);
  if (leafCount > ROOT_LIMIT * NODE_LIMIT) {
    throw new FledgeError("image", `${path}: ${names.length} names are more than a directory of ext4 holds`);
  }
  return { order, leafStart, leafHash, nodeCount: leafCount <= ROOT_LIMIT ? 0 : Math.ceil(leafCount / NODE_LIMIT) };
}

function leafCountOf(plan: HtreePlan): number {
  return plan.leafHash.length;
}

export function htreeBlockCount(plan: HtreePlan): number {
  return 1 + plan.nodeCount + leafCountOf(plan);
}

/** Writes the root into a zeroed block. */
export function encodeHtreeRoot(
  block: Buffer,
  plan: HtreePlan,
  { dots, inodeSeed }: { readonly dots: readonly [DirEntry, DirEntry]; readonly inodeSeed: number },
): void {
  encodeEntry(block, 0, dots[0], recordLength(1));
  encodeEntry(block, recordLength(1), dots[1], BLOCK_BYTES - recordLength(1));
  block.writeUInt8(HALF_MD4, 0x1c);
  block.writeUInt8(DX_INFO_BYTES, 0x1d);
  block.writeUInt8(plan.nodeCount === 0 ? 0 : 1, 0x1e);
  const firstLeaf = 1 + plan.nodeCount;
  const children =
    plan.nodeCount === 0
      ? plan.leafHash.map((hash, i) => ({ hash, block: firstLeaf + i }))
      : Array.from({ length: plan.nodeCount }, (_, i) => ({ hash: plan.leafHash[i * NODE_LIMIT] ?? 0, block: 1 + i }));
  encodeIndex(block, children, { at: ROOT_ENTRIES_AT, limit: ROOT_LIMIT, inodeSeed });
}

/** Writes node `index` of the second level into a zeroed block. */
export function encodeHtreeNode(block: Buffer, plan: HtreePlan, index: number, inodeSeed: number): void {
  block.writeUInt16LE(BLOCK_BYTES, 4);
  const first = index * NODE_LIMIT;
  const children = plan.leafHash
    .slice(first, first + NODE_LIMIT)
    .map((hash, i) => ({ hash, block: 1 + plan.nodeCount + first + i }));
  encodeIndex(block, children, { at: NODE_ENTRIES_AT, limit: NODE_LIMIT, inodeSeed });
}

type Child = { readonly hash: number; readonly block: number };

function encodeIndex(
  block: Buffer,
  children: readonly Child[],
  { at, limit, inodeSeed }: { readonly at: number; readonly limit: number; readonly inodeSeed: number },
): void {
  children.forEach((child, i) => {
    const entryAt = at + i * DX_ENTRY_BYTES;
    block.writeUInt32LE(child.hash, entryAt);
    block.writeUInt32LE(child.block, entryAt + 4);
  });
  block.writeUInt16LE(limit, at);
  block.writeUInt16LE(children.length, at + 2);
  const tail = BLOCK_BYTES - DX_TAIL_BYTES;
  const checksum = crc32c(inodeSeed, block, 0, at + children.length * DX_ENTRY_BYTES);
  block.writeUInt32LE(crc32c(checksum, block, tail), tail + 4);
}
