import { posix } from "node:path";
import type { RootfsTree } from "../rootfs/tree.ts";

/** Where the init or the agent mounts a filesystem before anything else runs, which hides what the artifact has there. */
const MOUNT_POINTS = ["/dev", "/proc", "/run", "/sys", "/tmp"];

/** Folders that those filesystems have from the start. */
const MADE_AT_BOOT = ["/dev/pts", "/dev/shm"];

/** Linux's own limit of symlinks on the way to a file (MAXSYMLINKS). */
const MAX_SYMLINKS = 40;

/** The mount point at or above an absolute path. */
export function mountPointOf(path: string): string | undefined {
  return MOUNT_POINTS.find((folder) => path === folder || path.startsWith(`${folder}/`));
}

/** The mount point whose filesystem will not have a path that the artifact has. */
export function hiddenBy(path: string): string | undefined {
  const mountPoint = mountPointOf(path);
  return mountPoint === path || MADE_AT_BOOT.includes(path) ? undefined : mountPoint;
}

/** An absolute path of the guest with its symlinks followed, as far as it is there. */
export function realPath(rootfs: RootfsTree, path: string): string {
  const rest = path.split("/").reverse();
  let real = "/";
  let hops = 0;
  for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
    const next = posix.join(real, name);
    const target = name === "" || name === ".." ? undefined : linkTarget(rootfs, next);
    if (target === undefined || ++hops > MAX_SYMLINKS) {
      real = next;
      continue;
    }
    if (target.startsWith("/")) real = "/";
    rest.push(...target.split("/").reverse());
  }
  return real;
}

function linkTarget(rootfs: RootfsTree, path: string): string | undefined {
  try {
    return rootfs.lstat(path).target;
  } catch {
    return undefined; // it is not there, or the way to it leads through what is no folder
  }
}
