import { chmod, lstat, open, readdir, realpath, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { hexOf, sha256 } from "../digest.ts";
import { errnoOf } from "../errors.ts";
import { isLeftover, ownerName } from "../process/owner.ts";
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

/** What a link leads to, for a file of the user's that is to stay one; else the path itself. */
export async function fileBehind(path: string): Promise<string> {
  return await realpath(path).catch(() => path);
}

/**
 * An unused name in the same folder (and so the same file system) as `path`: `.NAME.fledge-OWNER.tmp`. Nothing is
 * created. Siblings that dead processes left behind for the same NAME are removed. Throws an `io` error when the
 * folder cannot be read.
 */
export async function temporarySibling(path: string): Promise<string> {
  await removeStale(path);
  return siblingOf(path, "tmp");
}

/** What is new, what is old, the mark of a build that is not done (the old is to come back), and a lock. */
export type SiblingKind = "tmp" | "old" | "undo" | "lock";

/** A hidden name beside `path` that says whose it is. */
export function siblingOf(path: string, kind: SiblingKind, owner: string = ownerName()): string {
  return join(dirname(path), `${prefixOf(path)}${owner}.${kind}`);
}

/** Those siblings of `path` whose owner is dead, or of which `isDead` says so, and that owner. */
export async function leftoversOf(
  path: string,
  kind: SiblingKind,
  isDead: (owner: string) => boolean = () => false,
): Promise<{ path: string; owner: string }[]> {
  const folder = dirname(path);
  const prefix = prefixOf(path);
  const names = await readdir(folder).catch((error: unknown) => {
    throw ioError(error, "write", path);
  });
  const found: { path: string; owner: string }[] = [];
  for (const name of names) {
    if (!name.startsWith(prefix) || !name.endsWith(`.${kind}`)) continue;
    const owner = name.slice(prefix.length, -1 - kind.length);
    if (isDead(owner) || (await isLeftover(join(folder, name), owner))) found.push({ path: join(folder, name), owner });
  }
  return found;
}

/** Whether a file's name is one that `siblingOf` gives. */
export function isSibling(name: string): boolean {
  return /^\..+\.fledge-[\w-]+\.(?:tmp|old|undo|lock)$/s.test(name);
}

/** Longer names would leave no room for the rest: a file system takes 255 bytes. */
const LONGEST_NAME_BYTES = 160;

function prefixOf(path: string): string {
  const name = basename(path);
  const isShort = Buffer.byteLength(name) <= LONGEST_NAME_BYTES;
  return `.${isShort ? name : hexOf(sha256(name)).slice(0, 32)}.fledge-`;
}

async function removeStale(path: string): Promise<void> {
  for (const { path: left } of await leftoversOf(path, "tmp")) {
    // A leftover of somebody else may be beyond our permissions: it does no harm, so it does not stop the build.
    await removeTree(left).catch(() => {});
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
