import { open, rm } from "node:fs/promises";
import type { ImagerContext } from "../../contract/imager.ts";
import type { SealedTree } from "../../rootfs/seal.ts";
import { treeOfTar } from "../../rootfs/tar-tree.ts";
import { compareTrees, type Kept, readingBack } from "../compare.ts";
import { awaitRelease } from "./devices.ts";
import type { LoopFilesystem } from "./filesystem.ts";
import { MOUNT_POINT, runCommand, runMounted } from "./mounted.ts";

/** tar, which reads the image, knows hard links of files and symlinks alone, and no sockets. */
const KEPT: Kept = {
  inode: ({ type }) => type !== "socket",
  links: ({ type }) => type === "file" || type === "symlink",
};

const ARCHIVE = `tar ${[
  ...["--create", "--file=-", "--format=posix", "--sparse", `--directory=${MOUNT_POINT}`],
  ...["--numeric-owner", "--xattrs", "'--xattrs-include=*'", "--warning=no-file-ignored"],
].join(" ")}`;

/**
 * Has the filesystem's own checker look at the image, then reads it through the kernel and compares it with the tree.
 * Throws a `verify` error.
 */
export async function verifyLoop(
  tree: SealedTree,
  image: string,
  fs: LoopFilesystem,
  ctx: ImagerContext,
): Promise<void> {
  const excluded = tree.entries.some(({ path }) => path === "lost+found") ? "" : " --exclude=./lost+found";
  const mounting = { image, type: fs.type, options: `ro,${fs.readOptions}`, line: `${ARCHIVE}${excluded} .` };
  try {
    await withScratch(image, async (scratch, append) => {
      const found = await readingBack(image, async () => {
        await runCommand(fs, fs.check(image), ctx);
        for await (const chunk of runMounted(mounting, ctx)) await append(chunk);
        return await treeOfTar(scratch, ctx.signal);
      });
      await compareTrees(tree, found, KEPT, ctx);
    });
  } finally {
    await awaitRelease(image);
  }
}

/** A file beside the image that has no name any more once it is open: whatever happens, nothing of it remains. */
async function withScratch(
  image: string,
  use: (path: string, append: (chunk: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<void> {
  const path = `${image}.tar`;
  const handle = await open(path, "wx+", 0o600);
  try {
    await rm(path);
    await use(`/proc/self/fd/${handle.fd}`, (chunk) => handle.writeFile(chunk));
  } finally {
    await handle.close();
  }
}
