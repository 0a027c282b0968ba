import { lstat, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { removeTree, temporarySibling } from "../lib/atomic.ts";
import { errnoOf, FledgeError } from "../lib/errors.ts";

/**
 * Throws an `io` error when a folder is where an artifact is to go, and it is not the one that the last build put there:
 * what is in it may be somebody's work.
 */
export async function assertReplaceable(artifact: string): Promise<void> {
  const there = await identityOf(artifact);
  if (there === undefined || there === (await readNote(artifact)) || (await readdir(artifact)).length === 0) return;
  throw new FledgeError("io", `${artifact} is a folder that no build of fledge has put there`, {
    hint: "remove it, or write elsewhere: fledge build -o FOLDER",
  });
}

/** Renames what was written to its place; a folder that is there is first moved aside, and back if that fails. */
export async function replaceWith(written: string, artifact: string): Promise<void> {
  if ((await identityOf(written)) === undefined) return await rename(written, artifact);
  await assertReplaceable(artifact);
  const hasOld = (await identityOf(artifact)) !== undefined;
  const aside = hasOld ? await temporarySibling(artifact) : undefined;
  if (aside !== undefined) await rename(artifact, aside);
  let isInPlace = false;
  try {
    await rename(written, artifact);
    isInPlace = true;
    await writeFile(noteOf(artifact), `${await identityOf(artifact)}\n`);
  } catch (error) {
    if (isInPlace) await removeTree(artifact);
    if (aside !== undefined) await rename(aside, artifact);
    throw error;
  }
  if (aside !== undefined) await removeTree(aside);
}

/** Takes an artifact away again. */
export async function withdraw(artifact: string): Promise<void> {
  await removeTree(artifact);
  await removeTree(noteOf(artifact));
}

/** A hidden file beside a folder says which folder it is that fledge has made: inside, it would be part of the tree. */
function noteOf(artifact: string): string {
  return join(dirname(artifact), `.${basename(artifact)}.fledge`);
}

async function readNote(artifact: string): Promise<string | undefined> {
  return await readFile(noteOf(artifact), "utf8").then(
    (text) => text.trim(),
    () => undefined,
  );
}

/** Inode number, which may be used again, and time of birth; undefined for all but folders. */
async function identityOf(path: string): Promise<string | undefined> {
  try {
    const stat = await lstat(path, { bigint: true });
    return stat.isDirectory() ? `${stat.ino}:${stat.birthtimeNs}` : undefined;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
