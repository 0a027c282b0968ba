import type { TestOptions } from "../boot/options.ts";
import type { ResolvedBudgets } from "../budget/options.ts";
import type { AgentOptions } from "../guest/agent/options.ts";
import type { BusyboxOptions } from "../guest/busybox/options.ts";
import type { ResolvedInit } from "../guest/init/options.ts";
import type { GuestOptions } from "../guest/kernel/options.ts";
import type { ResolvedMapping } from "../guest/mappings/options.ts";
import type { ResolvedCpioOptions } from "../imagers/cpio/options.ts";
import type { CustomOptions } from "../imagers/custom/options.ts";
import type { ResolvedDirOptions } from "../imagers/dir/options.ts";
import type { ResolvedExt4Options } from "../imagers/ext4/options.ts";
import type { ResolvedMountedOptions } from "../imagers/loop/options.ts";
import type { ResolvedSquashfsOptions } from "../imagers/squashfs/options.ts";
import type { ResolvedTarOptions } from "../imagers/tar/options.ts";
import type { Warning } from "../lib/context.ts";
import type { Platform } from "../lib/platform.ts";
import type { PublishOptions } from "../publish/options.ts";
import type { SourceLimits } from "../sources/limits-options.ts";
import type { RegistriesOptions, SourceOptions } from "../sources/options.ts";
import type { ManifestOptions } from "../volant/options.ts";

/** A value that the user did not write, and what it was concluded from. */
export type Note = { readonly key: string; readonly value: unknown; readonly from: string };

type ResolvedCommon = {
  readonly name: string;
  /** What it is called beside others of its name: `web (linux/arm64)`. */
  readonly label?: string;
  readonly version: string;
  /** Volant's runtime identifier; the plugin's name unless given. */
  readonly runtime?: string;
  /** The folder of the config. */
  readonly baseDir: string;
  readonly configFile?: string;
  /** The folder of the workspace that it is one of. */
  readonly root?: string;
  /** Whether builds write what they find into the lock. */
  readonly lock?: boolean;
  /** What a boot of the artifact must show. */
  readonly test?: TestOptions;
  /** How large what is built may become. */
  readonly budgets?: ResolvedBudgets;
  /** Where fledge publish takes it. */
  readonly publish?: PublishOptions;
  readonly outDir: string;
  /** What the artifact's name begins with; the plugin's name unless there is one for each platform. */
  readonly stem?: string;
  /** Where the artifact goes, when a file was asked for. */
  readonly outFile?: string;
  /** Where the manifest goes, when that does not follow from the artifact. */
  readonly manifestFile?: string;
  readonly platform: Platform;
  /** Sorted by the bytes of the guest path, then of the host path. */
  readonly mappings: readonly ResolvedMapping[];
  readonly agent?: AgentOptions;
  readonly source?: SourceOptions;
  readonly registries: RegistriesOptions;
  readonly limits: SourceLimits;
  readonly guest: GuestOptions;
  /** What the config says of the manifest; fledge adds the artifact and what the image says. */
  readonly manifest: ManifestOptions;
  readonly notes: readonly Note[];
  readonly warnings: readonly Warning[];
};

/** A recipe whose artifact is a cpio archive. */
export type InitramfsRecipe = ResolvedCommon & {
  readonly strategy: "initramfs";
  readonly init: ResolvedInit;
  readonly busybox?: BusyboxOptions;
  readonly archive: ResolvedCpioOptions;
};

/** What the artifact of an oci_rootfs is: a variant per format. */
export type ResolvedFilesystem =
  | ResolvedExt4Options
  | ResolvedMountedOptions
  | ResolvedSquashfsOptions
  | ResolvedTarOptions
  | ResolvedDirOptions
  | CustomOptions;

/** A recipe whose artifact is a disk image, or what `filesystem.type` says. */
export type OciRootfsRecipe = ResolvedCommon & {
  readonly strategy: "oci_rootfs";
  readonly filesystem: ResolvedFilesystem;
};

/** What a plugin is made of, with every default in place and every path absolute; deeply frozen, but for users' functions. */
export type ResolvedRecipe = InitramfsRecipe | OciRootfsRecipe;
