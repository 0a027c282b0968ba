import { statSync } from "node:fs";
import { FledgeError } from "../../lib/errors.ts";
import { ioError } from "../../lib/files/io-error.ts";
import { copyIntoTree } from "../host.ts";
import type { RootfsTree } from "../tree.ts";

/** Owners and modes of what `installTree` adds. */
export type InstallOptions = {
  /** Owner of all that is added; root's unless given. */
  readonly uid?: number;
  readonly gid?: number;
  /** Of files, default 0644. One that is executable on the host may be executed by whoever may read it (0640: 0750). */
  readonly fileMode?: number;
  /** Of folders that are added, default 0755. */
  readonly dirMode?: number;
};

/**
 * Copies a folder of the host into one of the guest, with owner and modes as said, whatever the host's are. Folders that
 * the guest has keep theirs; files in the way are replaced; symlinks stay symlinks and are root's. A relative
 * `hostFolder` is looked for in the working folder: `import.meta.dirname` leads to the config's.
 */
export function installTree(
  rootfs: RootfsTree,
  hostFolder: string,
  guestPath: string,
  { uid = 0, gid = 0, fileMode = 0o644, dirMode = 0o755 }: InstallOptions = {},
): void {
  if (!isFolder(hostFolder)) {
    throw new FledgeError("io", `cannot install ${hostFolder}: it is not a folder`, {
      hint: "rootfs.copyFromHost() copies one file",
    });
  }
  const executableMode = fileMode | ((fileMode & 0o444) >> 2);
  copyIntoTree(rootfs, hostFolder, guestPath, (_, { isDir, isExecutable }) => {
    if (isDir) return { uid, gid, mode: dirMode };
    return { uid, gid, mode: isExecutable ? executableMode : fileMode };
  });
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    throw ioError(error, "read", path);
  }
}
