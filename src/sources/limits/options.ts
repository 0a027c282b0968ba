import { z } from "zod";
import { parseSize, SIZE } from "../../lib/bytes.ts";
import { DEFAULT_LIMITS, type LayerLimits } from "../../rootfs/limits.ts";

/** What a layer may ask for, against archives made to exhaust memory or disk. */
export const limitsOptions = z.strictObject({
  maxEntries: z.int().positive().optional().describe("files and folders in one layer. Default: 2000000"),
  maxUnpackedBytes: z
    .union([z.string().regex(SIZE, 'write a size like "64G"'), z.int().positive()])
    .optional()
    .describe('size of one layer once unpacked, e.g. "64G" (the default)'),
  maxPathBytes: z.int().positive().optional().describe("length of a path. Default: 4096"),
});

/** Applies the defaults. Throws a `config` error for a size that is none. */
export function resolveLimits(options: z.output<typeof limitsOptions> = {}): LayerLimits {
  const { maxEntries, maxUnpackedBytes, maxPathBytes } = options;
  return {
    maxEntries: maxEntries ?? DEFAULT_LIMITS.maxEntries,
    maxUnpackedBytes: maxUnpackedBytes === undefined ? DEFAULT_LIMITS.maxUnpackedBytes : parseSize(maxUnpackedBytes),
    maxPathBytes: maxPathBytes ?? DEFAULT_LIMITS.maxPathBytes,
  };
}
