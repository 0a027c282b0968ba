import { segmentsOf } from "../rootfs/content.ts";
import type { FileInode, Segment } from "../rootfs/node.ts";
import { BLOCK_BYTES } from "./ext4/structures/constants.ts";

/** `count` blocks of a file from block `logical` on. */
export type BlockRun = { readonly logical: number; readonly count: number };

const NO_RUNS: readonly BlockRun[] = [];
const ZERO_BLOCK: Buffer = Buffer.alloc(BLOCK_BYTES);

/** The blocks of a file that get space in the image: those with data, as far as that is known without reading it. */
export function blockRunsOf(file: FileInode): readonly BlockRun[] {
  if (file.size === 0) return NO_RUNS;
  const runs: BlockRun[] = [];
  for (const { at, length } of dataOf(file)) {
    if (length === 0) continue;
    const first = Math.floor(at / BLOCK_BYTES);
    const end = Math.ceil((at + length) / BLOCK_BYTES);
    const last = runs.at(-1);
    const lastEnd = last === undefined ? -1 : last.logical + last.count;
    if (last !== undefined && first <= lastEnd) {
      runs[runs.length - 1] = { logical: last.logical, count: Math.max(end, lastEnd) - last.logical };
    } else {
      runs.push({ logical: first, count: end - first });
    }
  }
  return runs;
}

function dataOf(file: FileInode): readonly Segment[] {
  if (file.content.kind !== "inline" || file.size < BLOCK_BYTES) return segmentsOf(file);
  return nonZeroBlocks(file.content.bytes);
}

function nonZeroBlocks(bytes: Uint8Array): Segment[] {
  const segments: Segment[] = [];
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const length = Math.min(BLOCK_BYTES, bytes.length - at);
    if (ZERO_BLOCK.compare(bytes, at, at + length, 0, length) !== 0) segments.push({ at, length });
  }
  return segments;
}
