import { FledgeError, isFledgeError } from "../lib/errors.ts";
import type { RootfsTree } from "../rootfs/tree.ts";
import { hiddenBy, realPath } from "./mount-points.ts";

/**
 * Makes the folder that the workload starts in, root's and 0755, with those above it; says whether it had to. The agent
 * does not, and halts without it. Throws an `image` error for what cannot be such a folder.
 */
export function makeWorkdir(
  rootfs: RootfsTree,
  path: string,
  { isStartedByAgent }: { readonly isStartedByAgent: boolean },
): boolean {
  try {
    if (rootfs.exists(path)) {
      const { type } = rootfs.stat(path);
      if (type !== "dir") throw unusable(path, `it is a ${type}, not a folder`);
    }
    const mountPoint = isStartedByAgent ? hiddenBy(realPath(rootfs, path)) : undefined;
    if (mountPoint !== undefined) {
      throw unusable(path, `a filesystem is mounted on ${mountPoint} when the guest boots, which does not have it`);
    }
    if (rootfs.exists(path)) return false;
    rootfs.mkdir(path);
    return true;
  } catch (error) {
    throw isFledgeError(error) && error.code === "rootfs" ? unusable(path, error.message, error) : error;
  }
}

function unusable(path: string, why: string, cause?: unknown): FledgeError {
  return new FledgeError("image", `the workload cannot start in ${path}: ${why}`, {
    hint: "name a folder of the guest in manifest.workload.workdir",
    ...(cause !== undefined && { cause }),
  });
}
