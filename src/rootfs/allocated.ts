import { segmentsOf } from "./content.ts";
import type { Inode } from "./node.ts";

const BLOCK_BYTES = 4096;

/** What an inode takes in blocks of 4 KiB, whatever the format: of a file its data without holes, of a folder one block. */
export function allocatedBytes(node: Inode): number {
  if (node.type === "dir") return BLOCK_BYTES;
  if (node.type !== "file") return 0;
  let blocks = 0;
  let end = 0; // the first block that is not counted yet
  for (const { at, length } of segmentsOf(node)) {
    if (length === 0) continue;
    const last = Math.ceil((at + length) / BLOCK_BYTES);
    blocks += Math.max(0, last - Math.max(end, Math.floor(at / BLOCK_BYTES)));
    end = Math.max(end, last);
  }
  return blocks * BLOCK_BYTES;
}
