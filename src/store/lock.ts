import { chmod, type FileHandle, link, lstat, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type RunContext, throwIfAborted } from "../lib/context.ts";
import { hexOf, sha256 } from "../lib/digest.ts";
import { errnoOf } from "../lib/errors.ts";
import { sleep } from "../lib/network/retry.ts";
import { ownerName } from "../lib/process/owner.ts";

export type LockContext = Pick<RunContext, "signal" | "cacheDir" | "progress" | "log">;

const POLL_MS = 100;
const DENIED: ReadonlySet<string> = new Set(["EACCES", "EPERM", "EROFS"]);

/**
 * Runs `work` while no other fledge on this machine holds the lock `name` of the same cache folder. It only saves doing
 * the same work twice: when the lock cannot be had within `longestWaitMs`, or not at all, `work` runs all the same, so
 * whatever it publishes must be published atomically.
 */
export async function withLock<T>(
  ctx: LockContext,
  name: string,
  work: () => Promise<T>,
  longestWaitMs = 600_000,
): Promise<T> {
  const place = { folder: locksFolder(ctx.cacheDir), key: hexOf(sha256(name)).slice(0, 32), name };
  const lock = await takeLock(ctx, place, longestWaitMs);
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

export type Lock = {
  /** False when it could not be had in time, or where the file system has no sockets. */
  readonly isHeld: boolean;
  release(): Promise<void>;
};

export type LockPlace = { readonly folder: string; readonly key: string; readonly name: string };

/** Waits for a lock, which is a file `key` of a folder, and says that it waits for what is called `name`. */
export async function takeLock(
  ctx: Pick<LockContext, "signal" | "progress" | "log">,
  { folder, key, name }: LockPlace,
  longestWaitMs: number,
): Promise<Lock> {
  const deadline = performance.now() + longestWaitMs;
  let isWaiting = false;
  for (;;) {
    throwIfAborted(ctx.signal);
    const attempt = await acquire(folder, key);
    if ("isHeld" in attempt) return attempt;
    const left = deadline - performance.now();
    if (left <= 0) return NO_LOCK;
    if (!isWaiting) ctx.log(`waiting for another build, which has ${name} under way`);
    isWaiting = true;
    ctx.progress(0, undefined, `waiting for another build, which has ${name} under way`);
    const isFree = await attempt.freed(AbortSignal.any([ctx.signal, AbortSignal.timeout(Math.ceil(left))]));
    if (!isFree) return NO_LOCK;
  }
}

/** Removes what holders that were killed left of their locks. */
export async function removeDeadLocks(cacheDir: string): Promise<void> {
  const folder = locksFolder(cacheDir);
  for (const key of await readdir(folder).catch(() => [])) await removeDeadLock({ folder, key });
}

/** Removes what a holder that was killed left of one lock. */
export async function removeDeadLock({ folder, key }: Pick<LockPlace, "folder" | "key">): Promise<void> {
  await inFolder(folder, async (at) => {
    if (await isDead(at(key))) await removeDead(folder, key);
  });
}

const NO_LOCK: Lock = { isHeld: false, release: async () => {} };

/** The lock, or a way to wait until it may be free, which is false when only another user can free it. */
type Attempt = Lock | { readonly freed: (signal: AbortSignal) => Promise<boolean> };

/**
 * A lock is a unix socket in the cache (unix(7)): who may not write there cannot hold one, it is one for all containers
 * that share the folder, and the kernel refuses connections as soon as its holder has ended, however it ended. Those who
 * wait hold a connection to it, which ends with it.
 */
async function acquire(folder: string, key: string): Promise<Attempt> {
  try {
    await mkdir(folder, { recursive: true });
    return await inFolder(folder, async (at, keepOpen) => {
      const server = new LockServer();
      const failure = await server.listen(at(key));
      if (failure === "EADDRINUSE") return { freed: (signal) => untilFree(folder, key, signal) };
      if (failure !== undefined) return NO_LOCK;
      await chmod(join(folder, key), 0o666).catch(() => {}); // Whoever reaches it may wait for it.
      const close = keepOpen();
      return { isHeld: true, release: () => server.close().finally(close) };
    });
  } catch {
    return NO_LOCK; // A folder that cannot be written to: the work will say so, if it has to write.
  }
}

class LockServer {
  readonly #server: Server;
  readonly #waiting = new Set<Socket>();

  constructor() {
    this.#server = createServer((socket) => {
      this.#waiting.add(socket);
      socket.on("error", () => {}).on("close", () => this.#waiting.delete(socket));
    });
  }

  /** The errno of what went wrong, if something did. */
  listen(path: string): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#server.once("error", (error) => resolve(errnoOf(error) ?? "unknown"));
      this.#server.listen({ path, backlog: 511 }, () => resolve(undefined));
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#waiting) socket.destroy();
    });
  }
}

async function untilFree(folder: string, key: string, signal: AbortSignal): Promise<boolean> {
  return await inFolder(folder, async (at) => !(await isDead(at(key), signal)) || (await removeDead(folder, key)));
}

/** Whether nobody holds a lock that is there; with `signal` it is asked once its holder has ended. */
async function isDead(path: string, signal?: AbortSignal): Promise<boolean> {
  const refuses = async () => (await tryConnect(path, signal)) === "ECONNREFUSED" && signal?.aborted !== true;
  if (!(await refuses())) return false;
  // Perhaps it does not listen yet: between bind() and listen() it refuses too.
  await delay(POLL_MS, undefined, signal && { signal }).catch(() => {});
  return await refuses();
}

/** Connects, and waits for the end of that; says why it could not. */
async function tryConnect(path: string, signal?: AbortSignal): Promise<string | undefined> {
  if (signal?.aborted) return undefined;
  const socket = connect({ path });
  const failure = await new Promise<string | undefined>((resolve) => {
    const stop = () => socket.destroy();
    signal?.addEventListener("abort", stop, { once: true });
    let errno: string | undefined;
    socket.on("error", (error) => {
      errno = errnoOf(error);
    });
    socket.on("close", () => {
      signal?.removeEventListener("abort", stop);
      resolve(errno);
    });
    if (signal === undefined) socket.on("connect", stop);
    socket.resume();
  });
  // Neither refused nor there: it has just been freed, or there is no telling. A moment keeps this from spinning.
  if (failure !== undefined && failure !== "ECONNREFUSED" && signal !== undefined)
    await sleep(POLL_MS, signal).catch(() => {});
  return failure;
}

/** Two may find the same lock dead, and one of them take it before the other removes it: that one is put back. */
async function removeDead(folder: string, key: string): Promise<boolean> {
  const path = join(folder, key);
  const aside = join(folder, `dead-${ownerName()}`);
  try {
    const { ino } = await lstat(path);
    await rename(path, aside);
    if ((await lstat(aside)).ino !== ino) await link(aside, path);
    return true;
  } catch (error) {
    return !DENIED.has(errnoOf(error) ?? ""); // Otherwise somebody else was faster.
  } finally {
    await rm(aside, { force: true, recursive: true }).catch(() => {});
  }
}

/** Lends short paths of what is in a folder: that of a socket has at most 107 bytes. */
async function inFolder<T>(
  folder: string,
  work: (at: (name: string) => string, keepOpen: () => () => Promise<void>) => Promise<T>,
): Promise<T> {
  if (process.platform !== "linux")
    return await work(
      (name) => join(folder, name),
      () => async () => {},
    );
  const handle: FileHandle = await open(folder, "r");
  let isLent = false;
  try {
    return await work(
      (name) => `/proc/self/fd/${handle.fd}/${name}`,
      () => {
        isLent = true;
        return () => handle.close();
      },
    );
  } finally {
    if (!isLent) await handle.close();
  }
}

function locksFolder(cacheDir: string): string {
  return join(cacheDir, "locks");
}
