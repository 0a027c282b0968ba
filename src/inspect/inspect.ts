import type { Warning } from "../lib/context.ts";
import type { InodeType } from "../rootfs/node.ts";
import { findingsIn, type ImageFindings } from "./findings.ts";
import { type InstalledPackage, packagesIn } from "./packages.ts";
import type { ImageReader } from "./reader.ts";
import { largestOf, type SizedPath } from "./sizes.ts";

/** What is worth knowing of an image. Sizes in bytes. */
export type ImageReport = Pick<ImageReader, "target" | "format" | "facts"> & {
  /** How many inodes there are of each type. */
  readonly counts: Readonly<Partial<Record<InodeType, number>>>;
  /** Of all regular files, holes included, each inode once. */
  readonly contentBytes: number;
  readonly largestFiles: readonly SizedPath[];
  readonly largestFolders: readonly SizedPath[];
  readonly findings: ImageFindings;
  readonly packages: readonly InstalledPackage[];
  /** What could not be looked at. */
  readonly warnings: readonly Warning[];
};

const LARGEST = 10;

/** Looks through an image. Throws an `image` error where it is damaged. */
export function inspectImage(
  reader: ImageReader,
  { signal = new AbortController().signal }: { readonly signal?: AbortSignal } = {},
): ImageReport {
  const { target, format, facts, root, tree } = reader;
  const counts: Partial<Record<InodeType, number>> = {};
  for (const { node } of tree.inodes) counts[node.type] = (counts[node.type] ?? 0) + 1;
  const { files, folders } = largestOf(tree, LARGEST);
  return {
    ...{ target, format, facts, counts, contentBytes: tree.contentBytes },
    largestFiles: files,
    largestFolders: folders,
    findings: findingsIn(tree, facts.architecture, signal),
    ...packagesIn(root),
  };
}
