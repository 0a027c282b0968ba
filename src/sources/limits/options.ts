import { z } from "zod";
import { parseSize } from "../../lib/bytes.ts";
import { DEFAULT_LIMITS, type LayerLimits } from "../../rootfs/limits.ts";

const size = z.union([z.string().min(1), z.int().positive()]).optional();

/** What an image may ask for, against archives made to exhaust memory or disk. */
export const limitsOptions = z.strictObject({
  maxEntries: z.int().positive().optional().describe("files and folders in one layer. Default: 2000000"),
  maxUnpackedBytes: size.describe('size of one layer once unpacked, e.g. "64G" (the default)'),
  maxPathBytes: z.int().positive().optional().describe("length of a path. Default: 4096"),
  maxLayers: z.int().positive().optional().describe("layers of one image. Default: 500, as overlayfs has it"),
  maxDocumentBytes: size.describe('size of a manifest, an index or an image\'s config, e.g. "4M" (the default)'),
  maxDocumentDepth: z.int().positive().optional().describe("how deep such a document is nested. Default: 100"),
  minBytesPerSecond: z
    .int()
    .nonnegative()
    .optional()
    .describe("a download that is slower for a minute is broken off and taken up again. Default: 1024; 0 waits on"),
});

/** Of one JSON document of an image. */
export type DocumentLimits = { readonly maxDocumentBytes: number; readonly maxDocumentDepth: number };

/** Of one image beside its layers. */
type ImageLimits = DocumentLimits & { readonly maxLayers: number };

export type SourceLimits = LayerLimits & ImageLimits & { readonly minBytesPerSecond?: number };

// Registries may refuse manifests from 4 MiB on (distribution-spec).
export const DEFAULT_IMAGE_LIMITS: ImageLimits = {
  maxLayers: 500,
  maxDocumentBytes: 4 * 2 ** 20,
  maxDocumentDepth: 100,
};

export const DEFAULT_SOURCE_LIMITS: SourceLimits = { ...DEFAULT_LIMITS, ...DEFAULT_IMAGE_LIMITS };

/** Applies the defaults. Throws a `config` error for a size that is none. */
export function resolveLimits(options: z.output<typeof limitsOptions> = {}): SourceLimits {
  const { maxUnpackedBytes, maxDocumentBytes } = options;
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return {
    ...DEFAULT_SOURCE_LIMITS,
    ...given,
    maxUnpackedBytes: parseSize(maxUnpackedBytes ?? DEFAULT_LIMITS.maxUnpackedBytes),
    maxDocumentBytes: parseSize(maxDocumentBytes ?? DEFAULT_IMAGE_LIMITS.maxDocumentBytes),
  };
}
