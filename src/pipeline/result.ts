import type { Warning } from "../lib/context.ts";
import type { Digest } from "../lib/digest.ts";
import type { Manifest } from "../volant/schema.ts";

export type StageTiming = { readonly stage: string; readonly durationMs: number };

/** What a build made. Paths are absolute, sizes in bytes (holes included). */
export type BuildResult = {
  readonly name: string;
  readonly artifact: { readonly path: string; readonly sizeBytes: number; readonly digest: Digest };
  readonly manifest: Manifest;
  readonly manifestPath: string;
  /** Bytes of the manifest on the guest's kernel command line. */
  readonly commandLineBytes: number;
  readonly warnings: readonly Warning[];
  readonly stages: readonly StageTiming[];
  readonly durationMs: number;
};
