import { lstatSync, realpathSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import type { Warning } from "../lib/context.ts";
import { isSibling } from "../lib/files/atomic.ts";
import type { BoundImager } from "./imager.ts";

/** Absolute paths of what a build leaves behind. */
export type Outputs = {
  readonly artifact: string;
  /** Absent for what Volant cannot boot. */
  readonly manifest?: string;
};

/** `NAME.cpio.gz` (of several platforms `NAME-linux-arm64.cpio.gz`) and `NAME.manifest.json` in the output folder, or the artifact where `-o FILE` says and the manifest beside it. */
export function outputsOf(
  { name, stem: artifactStem = name, outDir, outFile, manifestFile }: ResolvedPlugin,
  { suffix, isBootable }: BoundImager,
): Outputs {
  const artifact = outFile ?? join(outDir, `${artifactStem}${suffix}`);
  if (!isBootable) return { artifact };
  if (manifestFile !== undefined) return { artifact, manifest: manifestFile };
  const stem = outFile === undefined ? name : basename(outFile).replace(/(-rootfs)?\.(img|cpio(\.\w+)?)$/, "");
  return { artifact, manifest: join(dirname(artifact), `${stem}.manifest.json`) };
}

/** Whether a path is what a build leaves behind, or has under way: a folder that is put into an artifact may hold it. */
export function isMadeBy({ artifact, manifest }: Outputs): (path: string) => boolean {
  const outputs = [artifact, noteOf(artifact), ...(manifest === undefined ? [] : [manifest])];
  const names = new Set(outputs.map((path) => basename(path)));
  return (path) => {
    const name = basename(path);
    return isSibling(name) || (names.has(name) && outputs.map(placeOf).includes(placeOf(path)));
  };
}

/** A hidden file beside a folder says which folder it is that fledge has made: inside, it would be part of the tree. */
export function noteOf(artifact: string): string {
  return join(dirname(artifact), `.${basename(artifact)}.fledge`);
}

/** Its name in the folder where it really is; a symlink stays one, since that is what would be replaced. */
export function placeOf(path: string): string {
  return join(realOf(dirname(path)), basename(path));
}

export function realOf(path: string): string {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return path === dirname(path) ? path : placeOf(path);
  try {
    return realpathSync(path);
  } catch {
    return path; // a dangling symlink
  }
}

/** A file that was asked for by a name that says it is something else; `initrd.img` is what people call an initramfs. */
export function namingWarnings({ outFile }: ResolvedPlugin, { name, suffix }: BoundImager): Warning[] {
  if (outFile === undefined || /^(initrd|initramfs)/.test(basename(outFile))) return [];
  const [own, given] = [extname(`name${suffix}`), extname(outFile)];
  const isDisk = own === ".img";
  const says = FORMATS.has(given) && given !== own && !(isDisk && (given === ".raw" || given === `.${name}`));
  if (!says) return [];
  const message = `${basename(outFile)} is named like another format: it is a ${name} image, which ends in "${own}"`;
  return [{ message, hint: `-o ${basename(outFile, given)}${suffix}` }];
}

const FORMATS = new Set([
  ".img",
  ".raw",
  ".qcow2",
  ".ext4",
  ".xfs",
  ".btrfs",
  ".squashfs",
  ".cpio",
  ".tar",
  ".gz",
  ".zst",
  ".xz",
  ".lz4",
]);
