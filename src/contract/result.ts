import type { Warning } from "../lib/context.ts";
import type { Digest } from "../lib/digest.ts";
import type { JsonValue } from "../lib/json.ts";
import type { LaunchCommand } from "../volant/commands.ts";
import type { Manifest } from "../volant/schema.ts";

/** What a build has to say of itself, by name, in the order in which it was said. */
export type Facts = Readonly<Record<string, JsonValue>>;

/** How long a stage took. */
export type StageTiming = { readonly stage: string; readonly durationMs: number };

export type WrittenManifest = {
  readonly path: string;
  readonly document: Manifest;
  /** Bytes that it takes on the guest's kernel command line. */
  readonly commandLineBytes: number;
};

/** How large what a build made is; budgets are compared with it, and it is what a baseline records. */
export type BuildSize = {
  /** Of the artifact, holes included. */
  readonly imageBytes: number;
  /** Of all files in blocks of 4 KiB, holes left out, each inode once. */
  readonly usedBytes: number;
  readonly inodes: number;
  /** What the manifest takes on the guest's kernel command line. */
  readonly commandLineBytes?: number;
  /** What of `usedBytes` is from whom: `layer 2`, `mapping ./app`. */
  readonly origins: Readonly<Record<string, number>>;
};

/** What a build made. Paths are absolute, sizes in bytes (holes included). */
export type BuildResult = {
  readonly name: string;
  /** Tells it from the builds of the same plugin for other platforms: `web (linux/arm64)`. */
  readonly label?: string;
  readonly artifact: { readonly path: string; readonly sizeBytes: number; readonly digest: Digest };
  /** Whether artifact and manifest were there already, the same to the byte, and nothing was written. */
  readonly isUnchanged: boolean;
  /** Absent for what Volant cannot boot: a tar archive, a folder. */
  readonly manifest?: WrittenManifest;
  readonly size: BuildSize;
  /** What makes a VM of it, where Volant's own kernel is not the one to boot. */
  readonly launch?: LaunchCommand;
  readonly warnings: readonly Warning[];
  /** What hooks, stages and custom sources said of the build with `ctx.fact()`, by name. */
  readonly facts: Facts;
  readonly stages: readonly StageTiming[];
  readonly durationMs: number;
};
