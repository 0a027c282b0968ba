import type { RootfsTree } from "../rootfs/tree.ts";

type Folders = readonly (readonly [path: string, mode: number])[];

/** What an initramfs guest needs before anything is mounted or run, each folder with its mode. */
export const INITRAMFS_FOLDERS: Folders = [
  ["/bin", 0o755],
  ["/dev", 0o755],
  ["/etc", 0o755],
  ["/proc", 0o555],
  ["/root", 0o700],
  ["/run", 0o755],
  ["/sbin", 0o755],
  ["/sys", 0o555],
  ["/tmp", 0o1777],
  ["/usr/bin", 0o755],
  ["/usr/sbin", 0o755],
  ["/var", 0o755],
];

/** Where the agent mounts and what it writes to when it boots a disk; an image made from scratch may have none of them. */
export const ROOTFS_FOLDERS: Folders = [
  ["/dev", 0o755],
  ["/etc", 0o755],
  ["/proc", 0o555],
  ["/run", 0o755],
  ["/sys", 0o555],
  ["/tmp", 0o1777],
  ["/usr/local/bin", 0o755],
];

/** Makes the folders that are not there yet; those of a base image stay as they are. */
export function addSkeleton(rootfs: RootfsTree, folders: Folders): void {
  for (const [path, mode] of folders) {
    if (!rootfs.exists(path)) rootfs.mkdir(path, { mode });
  }
}

/**
 * The kernel opens /dev/console for the first process before devtmpfs is mounted; without the node in the archive init
 * would run mute. Whatever else has that name is replaced.
 */
export function ensureConsole(rootfs: RootfsTree): void {
  const path = "/dev/console";
  if (rootfs.exists(path)) {
    const { type, major, minor } = rootfs.lstat(path);
    if (type === "char" && major === 5 && minor === 1) return;
  }
  rootfs.rm(path);
  rootfs.mknod(path, { type: "char", major: 5, minor: 1, mode: 0o600 });
}
