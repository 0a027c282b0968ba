import { z } from "zod";
import { formatSize, parseSize, SIZE } from "../lib/bytes.ts";
import { FledgeError } from "../lib/errors.ts";

/** A size as a person writes it. */
export const sizeOption = z.union([
  z.string().regex(SIZE, 'write a size like "64M", "1.5G" or 4096 (bytes)'),
  z.number().int().nonnegative(),
]);

/** Programs take it as an argument, and show it on a line. */
export const volumeLabel = z
  .string()
  .min(1)
  .regex(/^[^\x00-\x1f\x7f]*$/, "holds a control character");

/** What a filesystem can be: between what its mkfs makes at least and what it can address, in bytes. */
export type SizeRange = { readonly minBytes: number; readonly maxBytes: number };

const MIB = 2 ** 20;
const TIB = 2 ** 40;

/**
 * ext4: 32-bit block numbers of 4 KiB. xfs: see `xfs.ts`. Of xfs and btrfs the end is that of numbers in JavaScript, which
 * no file system that an image could be written to reaches.
 */
export const SIZES: Readonly<Record<"ext4" | "xfs" | "btrfs", SizeRange>> = {
  ext4: { minBytes: 0, maxBytes: 16 * TIB - 4096 },
  xfs: { minBytes: 300 * MIB, maxBytes: 2 ** 53 - 1 },
  btrfs: { minBytes: 16 * MIB, maxBytes: 2 ** 53 - 1 },
};

type Sizes = { readonly headroom: string | number; readonly size?: string | number | undefined };

/** In bytes. Throws a `config` error for what no image of the type can have. */
export function resolveSizes({ headroom, size }: Sizes, { minBytes, maxBytes }: SizeRange) {
  const headroomBytes = parseSize(headroom);
  const sizeBytes = size === undefined ? undefined : parseSize(size);
  const tooLarge =
    headroomBytes > maxBytes ? "headroom" : sizeBytes !== undefined && sizeBytes > maxBytes ? "size" : undefined;
  if (tooLarge !== undefined)
    throw new FledgeError("config", `filesystem.${tooLarge}: it ends at ${formatSize(maxBytes)}`);
  if (sizeBytes !== undefined && sizeBytes < minBytes) {
    throw new FledgeError("config", `filesystem.size: ${formatSize(sizeBytes)} is less than it can be made with`, {
      hint: `${formatSize(minBytes)} at least`,
    });
  }
  return { headroomBytes, sizeBytes };
}
