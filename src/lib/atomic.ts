import { access, chmod, lstat, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errnoOf } from "./errors.ts";
import { ioError } from "./io-error.ts";

/**
 * Writes a file beside its destination and renames it into place: readers see the old file or the new one, whole.
 * Throws an `io` error; nothing is left behind then.
 */
export async function writeFileAtomically(path: string, data: Uint8Array | string): Promise<void> {
  const temporary = await temporarySibling(path);
  try {
    const file = await open(temporary, "wx");
    try {
      await file.writeFile(data);
      // A rename can reach the disk before the data does; after a power cut the file would be there and empty.
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw ioError(error, "write", path);
  }
}

// One number per call and process: two builds of one process may write the same name at the same time.
let serial = 0;

/**
 * An unused name in the same folder (and so the same file system) as `path`: `.NAME.fledge-PID-N.tmp`. Nothing is
 * created. Siblings that dead processes left behind for the same NAME are removed. Throws an `io` error when the
 * folder cannot be read.
 */
export async function temporarySibling(path: string): Promise<string> {
  const folder = dirname(path);
  const prefix = `.${basename(path)}.fledge-`;
  await removeStale(folder, prefix, path);
  for (;;) {
    const candidate = join(folder, `${prefix}${process.pid}-${serial++}.tmp`);
    if (!(await exists(candidate))) return candidate;
  }
}

async function removeStale(folder: string, prefix: string, path: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw ioError(error, "write", path);
  });
  for (const name of names) {
    const pid = name.startsWith(prefix) ? /^(\d+)-\d+\.tmp/.exec(name.slice(prefix.length))?.[1] : undefined;
    // A leftover of somebody else may be beyond our permissions: it does no harm, so it does not stop the build.
    if (pid !== undefined && !isAlive(Number(pid))) await removeTree(join(folder, name)).catch(() => {});
  }
}

/** Removes a file or a folder, if it is there; folders that their owner may not write to as well. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { force: true, recursive: true });
  } catch (error) {
    if (errnoOf(error) !== "EACCES") throw error;
    await makeWritable(Buffer.from(path));
    await rm(path, { force: true, recursive: true });
  }
}

async function makeWritable(folder: Buffer): Promise<void> {
  await chmod(folder, 0o700);
  for (const { name } of await readdir(folder, { withFileTypes: true, encoding: "buffer" })) {
    const path = Buffer.concat([folder, Buffer.from("/"), name]);
    if ((await lstat(path)).isDirectory()) await makeWritable(path);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== "ESRCH"; // EPERM: alive, and another user's
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
