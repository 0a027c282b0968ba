import { basename, dirname, join } from "node:path";
import type { ResolvedPlugin } from "../config/resolve/plugin.ts";
import type { BoundImager } from "./imager.ts";

/** Absolute paths of what a build leaves behind. */
export type Outputs = {
  readonly artifact: string;
  /** Absent for what Volant cannot boot. */
  readonly manifest?: string;
};

/** `NAME.cpio.gz` and `NAME.manifest.json` in the output folder, or the artifact where `-o FILE` says and the manifest beside it. */
export function outputsOf(
  { name, outDir, outFile, manifestFile }: ResolvedPlugin,
  { suffix, isBootable }: BoundImager,
): Outputs {
  const artifact = outFile ?? join(outDir, `${name}${suffix}`);
  if (!isBootable) return { artifact };
  if (manifestFile !== undefined) return { artifact, manifest: manifestFile };
  const stem = outFile === undefined ? name : basename(outFile).replace(/(-rootfs)?\.(img|cpio(\.\w+)?)$/, "");
  return { artifact, manifest: join(dirname(artifact), `${stem}.manifest.json`) };
}
