import { z } from "zod";
import { resolveSizes, SIZES, sizeOption, volumeLabel } from "../sizes.ts";

/** `filesystem` of a plugin when its type is ext4. */
export const ext4Options = z.strictObject({
  type: z.literal("ext4").default("ext4").describe("ext4, written by fledge itself: no root, no mount, no mkfs"),
  engine: z
    .enum(["native", "loop"])
    .default("native")
    .describe("native; or loop: mkfs, a mount and the kernel, which needs root and does not give the same bytes twice"),
  headroom: sizeOption
    .default("64M")
    .describe("free space for the guest on top of what its files take; inodes follow, one per 16 KiB"),
  size: sizeOption
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
