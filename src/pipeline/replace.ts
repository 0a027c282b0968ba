import { unlinkSync } from "node:fs";
import { lstat, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { errnoOf, FledgeError } from "../lib/errors.ts";
import { leftoversOf, removeTree, siblingOf, writeFileAtomically } from "../lib/files/atomic.ts";
import { ioError } from "../lib/files/io-error.ts";
import { isOfOtherNamespace, ownerName } from "../lib/process/owner.ts";
import { type Lock, removeDeadLock, takeLock } from "../store/lock.ts";
import { noteOf, type Outputs } from "./outputs.ts";

/** What a build has put in place, as long as it may still fail. */
export type Replaced = {
  /** Takes it away again, and puts back what was there before. */
  undo(): Promise<void>;
  /** It stays: from this moment on a crash does not bring back what was there before. */
  keep(): void;
  /** Removes what was there before. */
  discard(): Promise<void>;
};

/**
 * Throws an `io` error when something is where an artifact or a manifest is to go that is neither a file nor the folder
 * which the last build put there: what is in a folder may be somebody's work, and a device is the machine's.
 */
export async function assertReplaceable(path: string, isManifest = false): Promise<void> {
  const there = await lstat(path, { bigint: true }).catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw ioError(error, "write", path);
  });
  if (there === undefined || there.isFile() || there.isSymbolicLink()) return;
  const hint = "remove it, or write elsewhere: fledge build -o FOLDER";
  if (!there.isDirectory()) throw new FledgeError("io", `${path} is a device, a FIFO or a socket`, { hint });
  if (isManifest) throw new FledgeError("io", `cannot write ${path}: it is a folder, not a file`, { hint });
  const isOurs = (await identityOf(path)) === (await readNote(path));
  if (isOurs || (await readdir(path)).length === 0) return;
  throw new FledgeError("io", `${path} is a folder that no build of fledge has put there`, { hint });
}

/**
 * Sets aside what is there, which spares the file system the flush that a rename over a file costs, and puts what was
 * written in its place. The manifest goes last and is taken away first: where it is, its artifact is too.
 */
export async function replace(
  { artifact, manifest }: Outputs,
  written: string,
  putManifest: (path: string) => Promise<void>,
): Promise<Replaced> {
  await assertReplaceable(artifact);
  if (manifest !== undefined) await assertReplaceable(manifest, true);
  const owner = ownerName();
  const identity = await identityOf(written);
  const outputs = { artifact, ...(manifest !== undefined && { manifest }) };
  const undo = (): Promise<void> => restore(outputs, owner);
  try {
    await writeFile(markOf(artifact, owner), `${identity}\n`, { flag: "wx" });
    if (manifest !== undefined) await renameIfThere(manifest, siblingOf(manifest, "old", owner));
    await renameIfThere(artifact, siblingOf(artifact, "old", owner));
    await rename(written, artifact);
    await writeNote(artifact);
    if (manifest !== undefined) await putManifest(manifest);
  } catch (error) {
    await undo();
    throw ioError(error, "write", artifact);
  }
  return {
    undo,
    keep: () => unlinkSync(markOf(artifact, owner)),
    discard: async () => {
      for (const path of [artifact, manifest]) if (path !== undefined) await removeTree(siblingOf(path, "old", owner));
    },
  };
}

/** Writes a text over a file, if it is another one; undefined when that is what the file says. */
export async function replaceFile(path: string, text: string): Promise<Replaced | undefined> {
  await assertReplaceable(path, true);
  const before = await readFile(path, "utf8").catch(() => undefined);
  if (before === text && (await lstat(path)).isFile()) return undefined;
  await writeFileAtomically(path, text);
  return {
    undo: async () => await (before === undefined ? rm(path, { force: true }) : writeFileAtomically(path, before)),
    keep: () => {},
    discard: async () => {},
  };
}

/** To be told while a build waits for another one. */
type Turn = Parameters<typeof takeLock>[0];

/** A hook of `build:done` may take its time; one that never ends keeps nobody from building. */
const LONGEST_TURN_MS = 600_000;
/** Long enough to find that the holder of a lock is dead. */
const GLANCE_MS = 500;

/**
 * One build at a time puts something at a place, until it is done or has put back what was there: what a build sets
 * aside is then never what another one may still take back.
 */
export async function takeTurn({ artifact }: Outputs, turn: Turn, longestWaitMs = LONGEST_TURN_MS): Promise<Lock> {
  return await takeLock(turn, { ...lockOf(artifact), name: artifact }, longestWaitMs);
}

function lockOf(artifact: string): { folder: string; key: string } {
  const path = siblingOf(artifact, "lock", "publish");
  return { folder: dirname(path), key: basename(path) };
}

/**
 * Puts back what builds that were killed had set aside, and removes what they had no time to remove. Those of another
 * container cannot be seen, but whoever has the turn knows that they are not at it any more.
 */
export async function recover(outputs: Outputs, turn?: Lock): Promise<void> {
  if (!(await isThere(dirname(outputs.artifact)))) return;
  if (turn !== undefined) return await recoverFrom(outputs, turn.isHeld ? isOfOtherNamespace : () => false);
  await recoverFrom(outputs, () => false);
  const undone = await leftoversOf(outputs.artifact, "undo", isOfOtherNamespace);
  if (undone.length === 0) return await removeDeadLock(lockOf(outputs.artifact));
  const nobody = { signal: new AbortController().signal, progress: () => {}, log: () => {} };
  const own = await takeTurn(outputs, nobody, GLANCE_MS);
  try {
    await recover(outputs, own);
  } finally {
    await own.release();
  }
}

async function recoverFrom(outputs: Outputs, isDead: (owner: string) => boolean): Promise<void> {
  const { artifact, manifest } = outputs;
  for (const { owner } of await leftoversOf(artifact, "undo", isDead)) await restore(outputs, owner);
  for (const path of [artifact, manifest]) {
    if (path === undefined || !(await isThere(dirname(path)))) continue;
    for (const { path: old } of await leftoversOf(path, "old", isDead)) await removeTree(old);
  }
}

/** What is in place by now may be of a later build, which has seen to it that all is well. */
async function restore({ artifact, manifest }: Outputs, owner: string): Promise<void> {
  const mark = markOf(artifact, owner);
  const ours = await readFile(mark, "utf8").catch(() => "");
  const there = await identityOf(artifact);
  const old = siblingOf(artifact, "old", owner);
  const oldManifest = manifest === undefined ? undefined : siblingOf(manifest, "old", owner);
  if (there === undefined || `${there}\n` === ours) {
    if (there !== undefined) {
      if (manifest !== undefined) await rm(manifest, { force: true });
      await removeTree(artifact);
      await removeTree(noteOf(artifact));
    }
    if (await renameIfThere(old, artifact)) await writeNote(artifact);
    if (manifest !== undefined && oldManifest !== undefined) await renameIfThere(oldManifest, manifest);
  }
  await removeTree(old);
  if (oldManifest !== undefined) await removeTree(oldManifest);
  await rm(mark, { force: true });
}

/** Says what an unfinished build has put in place; as long as it is there, what was set aside is to come back. */
function markOf(artifact: string, owner: string): string {
  return siblingOf(artifact, "undo", owner);
}

async function renameIfThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}

async function writeNote(artifact: string): Promise<void> {
  if (!(await lstat(artifact)).isDirectory()) return await removeTree(noteOf(artifact));
  await writeFile(noteOf(artifact), `${await identityOf(artifact)}\n`);
}

async function readNote(artifact: string): Promise<string | undefined> {
  return await readFile(noteOf(artifact), "utf8").then(
    (text) => text.trim(),
    () => undefined,
  );
}

/** Inode number, which may be used again, and time of birth; undefined where nothing is. */
async function identityOf(path: string): Promise<string | undefined> {
  try {
    const { ino, birthtimeNs } = await lstat(path, { bigint: true });
    return `${ino}:${birthtimeNs}`;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}
