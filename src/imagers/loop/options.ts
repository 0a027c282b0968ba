import { z } from "zod";
import { ext4Options, type ResolvedExt4Options } from "../ext4/options.ts";
import { resolveSizes, SIZES, volumeLabel } from "../sizes.ts";

const { headroom, size, uuid, preallocate } = ext4Options.shape;
const shared = { headroom, size, uuid, preallocate };

/** `filesystem` of a plugin when its type is xfs. */
export const xfsOptions = z.strictObject({
  type: z
    .literal("xfs")
    .describe("xfs, through mkfs and a mount: needs root, is 300 MiB at least, not the same bytes twice"),
  ...shared,
  label: volumeLabel.optional().describe("volume label, cut to 12 bytes; the plugin's name unless given"),
});

/** `filesystem` of a plugin when its type is btrfs. */
export const btrfsOptions = z.strictObject({
  type: z
    .literal("btrfs")
    .describe("btrfs (mixed, as small ones should be), through mkfs and a mount: needs root, not the same bytes twice"),
  ...shared,
  label: volumeLabel.optional().describe("volume label, cut to 255 bytes; the plugin's name unless given"),
});

/** As a person writes them. */
export type MountedOptions = z.input<typeof xfsOptions> | z.input<typeof btrfsOptions>;

/** Those of a filesystem that only the loop engine writes. */
export type ResolvedMountedOptions = Omit<ResolvedExt4Options, "type" | "engine" | "journal"> & {
  readonly type: "xfs" | "btrfs";
};

/** All that the loop engine takes. */
export type ResolvedLoopOptions = ResolvedMountedOptions | (ResolvedExt4Options & { readonly engine: "loop" });

const mountedOptions = z.discriminatedUnion("type", [xfsOptions, btrfsOptions]);

/** Applies the defaults; `pluginName` labels the volume unless `label` does. Throws a `config` error for a bad size. */
export function resolveMountedOptions(options: MountedOptions, pluginName: string): ResolvedMountedOptions {
  const parsed = mountedOptions.parse(options);
  return {
    type: parsed.type,
    ...resolveSizes(parsed, SIZES[parsed.type]),
    preallocate: parsed.preallocate,
    label: parsed.label ?? pluginName,
    uuid: parsed.uuid?.toLowerCase(),
  };
}
