import { z } from "zod";
import { parseSize, SIZE } from "../lib/bytes.ts";
import { DEFAULT_IMAGE_LIMITS, type ImageLimits } from "../registry/limits.ts";
import { DEFAULT_LIMITS, type LayerLimits } from "../rootfs/limits.ts";

const size = z.union([z.string().regex(SIZE, 'write a size like "64G"'), z.int().positive()]).optional();
const count = z.int().positive().optional();

/** What an image may ask for, against archives made to exhaust memory or disk. */
export const limitsOptions = z.strictObject({
  maxEntries: count.describe("files, folders and all else in one layer. Default: 2000000"),
  maxUnpackedBytes: size.describe('size of one layer once unpacked, e.g. "64G" (the default)'),
  maxPathBytes: count.describe("length of a path. Default: 4096"),
  maxResolvedPathBytes: count.describe("length of a path once its symbolic links are followed. Default: 4096"),
  maxTotalPathBytes: size.describe('all paths and link targets of one layer. Default: "512M"'),
  maxHeaderBytes: size.describe('all extension headers (PAX, GNU) of one layer. Default: "2G"'),
  maxXattrBytes: size.describe('all extended attributes of one layer. Default: "256M"'),
  maxSparseRuns: count.describe("pieces of data in all sparse files of one layer. Default: 2000000"),
  maxLinkSteps: count.describe("names that symbolic links add to the paths of one layer. Default: 20000000"),
  maxWindowBytes: size.describe('memory that unpacking a zstd or xz stream may take. Default: "128M"'),
  maxLayers: count.describe("layers of one image. Default: 500, as overlayfs has it"),
  maxDocumentBytes: size.describe('size of a manifest, an index or an image\'s config, e.g. "4M" (the default)'),
  maxDocumentDepth: count.describe("how deep such a document is nested. Default: 100"),
  minBytesPerSecond: z
    .int()
    .nonnegative()
    .optional()
    .describe("a download that is slower for a minute is broken off and taken up again. Default: 1024; 0 waits on"),
});

export type SourceLimits = LayerLimits & ImageLimits & { readonly minBytesPerSecond?: number };

export const DEFAULT_SOURCE_LIMITS: SourceLimits = { ...DEFAULT_LIMITS, ...DEFAULT_IMAGE_LIMITS };

/** Applies the defaults. Throws a `config` error for a size that is none. */
export function resolveLimits(options: z.output<typeof limitsOptions> = {}): SourceLimits {
  const given = Object.entries(options).flatMap(([limit, value]) =>
    value === undefined ? [] : [[limit, parseSize(value)]],
  );
  return { ...DEFAULT_SOURCE_LIMITS, ...Object.fromEntries(given) };
}
