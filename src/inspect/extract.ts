import { existsSync } from "node:fs";
import { rename } from "node:fs/promises";
import { basename } from "node:path";
import type { ImagerContext } from "../contract/imager.ts";
import { toByteString } from "../lib/bytes.ts";
import { FledgeError } from "../lib/errors.ts";
import { removeTree, temporarySibling } from "../lib/files/atomic.ts";
import { ioError } from "../lib/files/io-error.ts";
import { EPOCH_ZERO, NO_XATTRS } from "../rootfs/node.ts";
import { type SealedTree, sealTree } from "../rootfs/seal.ts";
import { type ImageReader, inodeAt } from "./reader.ts";

/** What to take out of an image, and where to. */
export type ExtractOptions = {
  /** A folder or file of the image; default all of it. */
  readonly path?: string;
  /** What is made: a folder, or a tar where the name ends in `.tar`. It must not exist. */
  readonly out: string;
};

/**
 * Takes files out of an image, with their owners, times and attributes: as root into a folder, else into a tar, whose name
 * gets `.tar` then. Returns what was made. Throws an `io` error where something is there already.
 */
export async function extractImage(
  reader: Pick<ImageReader, "root" | "target">,
  { path = "/", out }: ExtractOptions,
  ctx: ImagerContext,
): Promise<{ readonly path: string; readonly names: number }> {
  const isTar = out.endsWith(".tar") || process.getuid?.() !== 0;
  const made = isTar && !out.endsWith(".tar") ? `${out}.tar` : out;
  if (existsSync(made)) {
    throw new FledgeError("io", `${made} exists already`, { hint: "name something that does not, or remove it" });
  }
  const tree = subtree(reader, path);
  const temporary = await temporarySibling(made);
  try {
    await writeTree(tree, temporary, { isTar }, ctx);
    await rename(temporary, made);
  } catch (error) {
    await removeTree(temporary);
    throw ioError(error, "write", made);
  }
  return { path: made, names: tree.entries.length - 1 };
}

async function writeTree(
  tree: SealedTree,
  out: string,
  { isTar }: { isTar: boolean },
  ctx: ImagerContext,
): Promise<void> {
  if (isTar) {
    const { tarImager } = await import("../imagers/tar/index.ts");
    await tarImager.write(tree, out, { type: "tar", sparse: true }, ctx);
    return;
  }
  const { dirImager } = await import("../imagers/dir/index.ts");
  await dirImager.write(tree, out, { type: "dir" }, ctx);
}

/** A folder with all in it; of anything else a folder that holds it. */
function subtree(reader: Pick<ImageReader, "root" | "target">, path: string): SealedTree {
  const node = inodeAt(reader, path, path.endsWith("/"));
  if (node.type === "dir") return sealTree(node);
  const name = toByteString(basename(path));
  const owner = { mode: 0o755, uid: 0, gid: 0, mtime: EPOCH_ZERO, xattrs: NO_XATTRS };
  return sealTree({ type: "dir", ...owner, children: new Map([[name, node]]) });
}
