import type { ImagerContext } from "../../contract/imager.ts";
import { formatSize, fromByteString } from "../../lib/bytes.ts";
import { FledgeError } from "../../lib/errors.ts";
import type { SealedTree } from "../../rootfs/seal.ts";
import { firstOf } from "../../rootfs/shown-path.ts";
import { TRAILER } from "./newc.ts";

/** The kernel passes over longer names and targets without a word (init/initramfs.c, PATH_MAX with the NUL). */
const MAX_PATH_BYTES = 4095;
const MAX_NAME_BYTES = 255;
const MAX_FILE_BYTES = 0xffffffff;

/** Throws an `image` error for what the format cannot hold, and warns of what it loses. */
export function checkLimits(tree: SealedTree, ctx: Pick<ImagerContext, "warn">): void {
  const withXattrs: string[] = [];
  for (const { path, name, inode, isFirstName } of tree.entries) {
    const { node } = inode;
    if (path.length > MAX_PATH_BYTES) throw tooLong(path, `its path has ${path.length} bytes`, MAX_PATH_BYTES);
    if (name.length > MAX_NAME_BYTES) throw tooLong(path, `its name has ${name.length} bytes`, MAX_NAME_BYTES);
    if (node.type === "symlink" && node.target.length > MAX_PATH_BYTES) {
      throw tooLong(path, `its target has ${node.target.length} bytes`, MAX_PATH_BYTES);
    }
    if (path === TRAILER) {
      throw new FledgeError("image", `/${TRAILER}: an initramfs cannot hold a file of this name at its root`, {
        hint: "the name marks the end of a cpio archive; rename the file or move it into a folder",
      });
    }
    if (node.type === "file" && node.size > MAX_FILE_BYTES) {
      throw new FledgeError("image", `${show(path)}: ${formatSize(node.size)} is too large for an initramfs`, {
        hint: 'cpio holds files up to 4 GiB; use strategy "oci_rootfs"',
      });
    }
    if (isFirstName && node.xattrs.size > 0)
      withXattrs.push(`${show(path)} (${[...node.xattrs.keys()].map(fromByteString).join(", ")})`);
  }
  if (withXattrs.length > 0) ctx.warn(lostXattrs(withXattrs));
}

function lostXattrs(files: readonly string[]): { message: string; hint: string } {
  return {
    message: `an initramfs cannot hold extended attributes; lost: ${firstOf(files)}`,
    hint: 'set file capabilities at boot, or use strategy "oci_rootfs"',
  };
}

function tooLong(path: string, what: string, limit: number): FledgeError {
  return new FledgeError("image", `/${path.slice(0, 100)}...: ${what}; an initramfs holds ${limit}`);
}

function show(path: Parameters<typeof fromByteString>[0]): string {
  return `/${fromByteString(path)}`;
}
