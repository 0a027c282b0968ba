import { lstat, rm, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Disposer } from "../dispose.ts";
import { errnoOf } from "../errors.ts";
import { makeFolders } from "./folders.ts";
import { ioError } from "./io-error.ts";

/** A file that is to be made; `path` is relative to the folder that it goes into. */
export type NewFile = { readonly path: string; readonly data: Uint8Array | string; readonly isExecutable?: boolean };

/**
 * Writes files that are not there yet, and the folders they need: all of them or none. Throws an `io` error; what was
 * written before it is gone again then. A file that appeared meanwhile is never written over.
 */
export async function writeNewFiles(folder: string, files: readonly NewFile[]): Promise<void> {
  const disposer = new Disposer();
  try {
    for (const { path, data, isExecutable = false } of files) {
      const file = join(folder, path);
      await makeFolder(dirname(file), disposer);
      await writeFile(file, "", { flag: "wx", mode: isExecutable ? 0o777 : 0o666 }).catch((error: unknown) => {
        throw ioError(error, "create", file);
      });
      disposer.defer(() => rm(file, { force: true }));
      await writeFile(file, data).catch((error: unknown) => {
        throw ioError(error, "write", file);
      });
    }
  } catch (error) {
    await disposer.dispose();
    throw error;
  }
}

/** Those of the paths in a folder that something is at already, be it a dangling symlink, or a file where a folder has to be. */
export async function existingPaths(folder: string, paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(paths.map(async (path) => ((await isTaken(join(folder, path))) ? path : undefined)));
  return found.filter((path) => path !== undefined);
}

async function isTaken(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    // ENOTDIR: a folder above it is a file.
    if (errnoOf(error) === "ENOENT") return false;
    if (errnoOf(error) === "ENOTDIR") return true;
    throw ioError(error, "read", path);
  }
}

/** `mkdir -p`, one by one, so that it is known which of them are ours to remove. */
export async function makeFolder(folder: string, disposer: Disposer): Promise<void> {
  await makeFolders(folder, (made) => disposer.defer(() => rmdir(made))).catch((error: unknown) => {
    throw ioError(error, "create", folder);
  });
}
