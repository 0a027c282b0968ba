import { readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { LockEntry, Locks } from "../contract/lock.ts";
import type { RunContext } from "../lib/context.ts";
import { errnoOf } from "../lib/errors.ts";
import { fileBehind, siblingOf, writeFileAtomically } from "../lib/files/atomic.ts";
import { ioError } from "../lib/files/io-error.ts";
import { takeLock } from "../store/lock.ts";
import { formatLock, parseLock } from "./format.ts";

export const LOCK_NAME = "fledge.lock";

/** Whoever holds it for longer has stopped: reading and writing a lock takes milliseconds. */
const LONGEST_WAIT_MS = 30_000;

/**
 * The lock of a folder: its own, else that of the nearest folder above, as a workspace has it, up to where the repository
 * begins. Undefined when there is none.
 */
export async function findLock(folder: string): Promise<string | undefined> {
  for (let at = folder; ; at = dirname(at)) {
    const path = join(at, LOCK_NAME);
    if ((await stat(path).catch(() => undefined))?.isFile()) return path;
    const isRepository = (await stat(join(at, ".git")).catch(() => undefined)) !== undefined;
    if (isRepository || dirname(at) === at) return undefined;
  }
}

/** The entries of a lock; undefined when there is no such file. Throws a `config` error for what is no lock. */
export async function readLock(path: string): Promise<Locks | undefined> {
  try {
    return parseLock(await readFile(path, "utf8"), path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw errnoOf(error) === undefined ? error : ioError(error, "read", path);
  }
}

/** What is to be different in a lock: undefined removes an entry. */
export type LockEdits = ReadonlyMap<string, LockEntry | undefined>;

/**
 * Applies edits to a lock as it is at that moment: what another process wrote meanwhile stays. Returns the entries.
 * Nothing is written where nothing differs.
 */
export async function editLock(
  path: string,
  edits: LockEdits,
  ctx: Pick<RunContext, "signal" | "progress" | "log">,
): Promise<Locks> {
  const guard = siblingOf(path, "lock", "write");
  const place = { folder: dirname(guard), key: basename(guard), name: path };
  const turn = await takeLock(ctx, place, LONGEST_WAIT_MS);
  try {
    const before = await readLock(path);
    const entries = new Map(before);
    for (const [key, entry] of edits) {
      if (entry === undefined) entries.delete(key);
      else entries.set(key, entry);
    }
    const isSame = before !== undefined && formatLock(before) === formatLock(entries);
    if (!isSame) await writeFileAtomically(await fileBehind(path), formatLock(entries));
    return entries;
  } finally {
    await turn.release();
  }
}
