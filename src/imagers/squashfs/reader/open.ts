import type { RunContext } from "../../../lib/context.ts";
import { FledgeError, isFledgeError } from "../../../lib/errors.ts";
import { spool } from "../../../lib/files/spool.ts";
import { NOTHING, pipeThrough } from "../../../lib/process/exec.ts";
import { requireTool } from "../../../lib/process/tools.ts";
import { DEFAULT_LIMITS } from "../../../rootfs/limits.ts";
import type { DirInode } from "../../../rootfs/node.ts";
import { treeOfTar } from "../../../rootfs/tar-tree.ts";
import type { ReadImage } from "../../read-image.ts";
import { readSquashfs, squashfsHead } from "./tree.ts";

/**
 * Reads a squashfs image: in this process where Node has its codec, else by way of sqfs2tar, whose tar is kept in a file
 * without a name in the cache. Throws an `image` error where it is damaged, a `tool` error that says what to install.
 */
export async function openSquashfs(
  path: string,
  ctx: Pick<RunContext, "signal" | "env" | "cacheDir">,
): Promise<ReadImage> {
  const { facts, isNative } = squashfsHead(path);
  if (isNative) return readSquashfs(path);
  const reason = `read a squashfs that is packed with ${facts.compression}`;
  const program = requireTool({ name: "sqfs2tar", reason, package: "squashfs-tools-ng" }, ctx.env);
  const packed = pipeThrough(program, ["--root-becomes", ".", "--no-skip", path], NOTHING, ctx);
  const file = await spool(packed, ctx.cacheDir).catch((error: unknown) => {
    if (isFledgeError(error) && error.code !== "stage") throw error;
    throw new FledgeError("image", `${path} cannot be read as squashfs`, { cause: error });
  });
  try {
    // A file without a name, which only squashfs's tools on Linux have written.
    const archive = `/proc/self/fd/${file.fd}`;
    const { inodes } = await treeOfTar(archive, ctx.signal, { label: path, limits: DEFAULT_LIMITS });
    return { root: inodes[0]?.node as DirInode, facts, close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}
