import { basename, dirname, join } from "node:path";
import type { ResolvedPlugin } from "../config/resolve/plugin.ts";
import type { BoundImager } from "./imager.ts";

/** Absolute paths of what a build leaves behind. */
export type Outputs = { readonly artifact: string; readonly manifest: string };

/** `NAME.cpio.gz` and `NAME.manifest.json` in the output folder, or the artifact where `-o FILE` says and the manifest beside it. */
export function outputsOf({ name, outDir, outFile }: ResolvedPlugin, { suffix }: BoundImager): Outputs {
  if (outFile === undefined) {
    return { artifact: join(outDir, `${name}${suffix}`), manifest: join(outDir, `${name}.manifest.json`) };
  }
  const stem = basename(outFile).replace(/(-rootfs)?\.(img|cpio(\.\w+)?)$/, "");
  return { artifact: outFile, manifest: join(dirname(outFile), `${stem}.manifest.json`) };
}
