import { formatSize } from "../../../lib/bytes.ts";
import { FledgeError } from "../../../lib/errors.ts";
import type { ResolvedExt4Options } from "../options.ts";
import { BLOCK_BYTES } from "../structures/constants.ts";
import { type Demand, fitGeometry, fixedGeometry, type Geometry } from "./geometry.ts";

const MIN_FREE_INODES = 256;
const BYTES_PER_FREE_INODE = 16 * 1024;
const KERNEL_RESERVE_PART = 50;
const KERNEL_RESERVE_MAX = 4096;
const MAX_BLOCKS = 2 ** 32 - 1;

/** What the tree takes: blocks behind the inode tables, and inodes with the reserved ones. */
export type Usage = { readonly slots: number; readonly inodes: number };

/**
 * The geometry for the options: an exact fit plus headroom, or the fixed size, which then is all there is: headroom does
 * not count. Throws an `image` error that says by how much a fixed size is too small.
 */
export function chooseGeometry(usage: Usage, options: ResolvedExt4Options): Geometry {
  if (options.sizeBytes !== undefined) return chooseFixed(usage, options.sizeBytes);
  const demand = demandFor(usage, options.headroomBytes);
  assertWithinExt4(demand.slots + demand.freeBlocks);
  const geometry = fitWithHeadroom(demand);
  assertWithinExt4(geometry.totalBlocks);
  return geometry;
}

function assertWithinExt4(blocks: number): void {
  if (blocks <= MAX_BLOCKS) return;
  throw new FledgeError("image", `the image would take ${formatSize(blocks * BLOCK_BYTES)}; ext4 ends at 16 TiB`);
}

/** The bytes of the image file; a fixed size is taken to whole blocks. */
export function imageBytesOf(geometry: Geometry, options: ResolvedExt4Options): number {
  const blocks = options.sizeBytes === undefined ? geometry.totalBlocks : Math.ceil(options.sizeBytes / BLOCK_BYTES);
  return blocks * BLOCK_BYTES;
}

function chooseFixed(usage: Usage, sizeBytes: number): Geometry {
  const totalBlocks = Math.ceil(sizeBytes / BLOCK_BYTES);
  if (totalBlocks > MAX_BLOCKS) throw new FledgeError("image", `size ${formatSize(sizeBytes)}: ext4 ends at 16 TiB`);
  const exact = fitGeometry(demandFor(usage, 0));
  if (exact.totalBlocks > totalBlocks) {
    const missing = (exact.totalBlocks - totalBlocks) * BLOCK_BYTES;
    throw new FledgeError(
      "image",
      `the files do not fit in ${formatSize(sizeBytes)}: they need ${formatSize(missing)} more (${missing} bytes)`,
      {
        hint: `filesystem.size = "${Math.ceil((sizeBytes + missing) / 2 ** 20)}M" at least, or leave it out for an exact fit plus headroom`,
      },
    );
  }
  const freeBytes = Math.max(0, totalBlocks - usage.slots) * BLOCK_BYTES;
  // Inodes for the free space, if it is large enough to have them; else few; else the exact fit in a larger file.
  return (
    fixedGeometry({ ...demandFor(usage, freeBytes), freeBlocks: 0 }, totalBlocks) ??
    fixedGeometry(demandFor(usage, 0), totalBlocks) ??
    exact
  );
}

/**
 * The kernel keeps a fiftieth of the blocks, 4096 at most, for its own conversions of extents (`ext4_calculate_resv_clusters`)
 * and refuses them to everyone: headroom is what is free beyond them.
 */
function fitWithHeadroom(demand: Demand): Geometry {
  if (demand.freeBlocks === 0) return fitGeometry(demand);
  const base = fitGeometry(demand).totalBlocks;
  const reserved = Math.min(KERNEL_RESERVE_MAX, Math.ceil(base / (KERNEL_RESERVE_PART - 1)) + 1);
  return fitGeometry({ ...demand, freeBlocks: demand.freeBlocks + reserved });
}

function demandFor(usage: Usage, freeBytes: number): Demand {
  return {
    slots: usage.slots,
    inodes: usage.inodes + Math.max(MIN_FREE_INODES, Math.ceil(freeBytes / BYTES_PER_FREE_INODE)),
    freeBlocks: Math.ceil(freeBytes / BLOCK_BYTES),
  };
}
