import { z } from "zod";
import { formatSize, parseSize, SIZE } from "../../lib/bytes.ts";
import { FledgeError } from "../../lib/errors.ts";

const size = z.union([
  z.string().regex(SIZE, 'write a size like "64M", "1.5G" or 4096 (bytes)'),
  z.number().int().nonnegative(),
]);

/** Programs take it as an argument, and show it on a line. */
export const volumeLabel = z
  .string()
  .min(1)
  .regex(/^[^\x00-\x1f\x7f]*$/, "holds a control character");

/** `filesystem` of a plugin when its type is ext4. */
export const ext4Options = z.strictObject({
  type: z.literal("ext4").default("ext4").describe("ext4, written by fledge itself: no root, no mount, no mkfs"),
  engine: z
    .enum(["native", "loop"])
    .default("native")
    .describe("native; or loop: mkfs, a mount and the kernel, which needs root and does not give the same bytes twice"),
  headroom: size
    .default("64M")
    .describe("free space for the guest on top of what its files take; inodes follow, one per 16 KiB"),
  size: size
    .optional()
    .describe("fixed size of the image instead of an exact fit with headroom; an error when the files do not fit"),
  journal: z.boolean().default(true).describe("keep a journal; without it the image is at least 4 MiB smaller"),
  preallocate: z.boolean().default(false).describe("write the image file without holes"),
  label: volumeLabel.optional().describe("volume label, cut to 16 bytes; the plugin's name unless given"),
  uuid: z
    .string()
    .regex(/^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, "write a UUID as 8-4-4-4-12 hex digits")
    .optional()
    .describe("UUID of the filesystem; derived from names, metadata and sizes unless given"),
});

/** As a person writes them. */
export type Ext4Options = z.input<typeof ext4Options>;

export type ResolvedExt4Options = {
  readonly type: "ext4";
  readonly engine: "native" | "loop";
  readonly headroomBytes: number;
  /** Undefined for an exact fit. */
  readonly sizeBytes: number | undefined;
  readonly journal: boolean;
  readonly preallocate: boolean;
  /** Cut to the 16 bytes that a superblock has for it. */
  readonly label: string;
  /** Undefined to derive it. */
  readonly uuid: string | undefined;
};

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

/** Applies the defaults; `pluginName` labels the volume unless `label` does. Throws a `config` error for a bad size. */
export function resolveExt4Options(options: Ext4Options, pluginName: string): ResolvedExt4Options {
  const parsed = ext4Options.parse(options);
  return {
    type: "ext4",
    engine: parsed.engine,
    ...resolveSizes(parsed, SIZES.ext4),
    journal: parsed.journal,
    preallocate: parsed.preallocate,
    label: parsed.label ?? pluginName,
    uuid: parsed.uuid?.toLowerCase(),
  };
}
