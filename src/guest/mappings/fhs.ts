import type { HostEntry } from "../../rootfs/host.ts";

/**
 * The mode of a mapped file, by where the Filesystem Hierarchy Standard puts it: programs in a bin or sbin folder and
 * shared libraries in a lib folder are 0755 whatever the host says; elsewhere an executable stays one.
 */
export function modeByPlace(guestPath: string, { isDir, isExecutable }: HostEntry): number {
  if (isDir || isExecutable) return 0o755;
  const folders = guestPath.split("/").slice(0, -1);
  const name = guestPath.slice(guestPath.lastIndexOf("/") + 1);
  if (folders.some((folder) => folder === "bin" || folder === "sbin")) return 0o755;
  const isLibrary = /\.so(\.[0-9.]+)?$/.test(name);
  if (isLibrary && folders.some((folder) => /^lib(32|64|x32|exec)?$/.test(folder))) return 0o755;
  return 0o644;
}
