import { open, readFile, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { throwIfAborted } from "../lib/context.ts";
import { hexOf, sha256 } from "../lib/digest.ts";
import { errnoOf } from "../lib/errors.ts";
import { sleep } from "../lib/retry.ts";
import { ensureCacheFolder } from "./cache-dir.ts";

export type LockContext = { readonly signal: AbortSignal; readonly cacheDir: string };

const POLL_MS = 100;

/**
 * Runs `work` while no other fledge of this user on this machine holds the lock `name` of the same cache folder. It
 * only saves doing the same work twice: when the lock cannot be had within `longestWaitMs`, `work` runs all the same,
 * so whatever it publishes must be published atomically.
 */
export async function withLock<T>(
  ctx: LockContext,
  name: string,
  work: () => Promise<T>,
  longestWaitMs = 600_000,
): Promise<T> {
  const key = hexOf(sha256(`${process.getuid?.()}\n${ctx.cacheDir}\n${name}`)).slice(0, 32);
  const acquire = process.platform === "linux" ? () => acquireSocket(key) : () => acquireFile(ctx.cacheDir, key);
  const release = await acquireWithin(ctx.signal, acquire, longestWaitMs);
  try {
    return await work();
  } finally {
    await release();
  }
}

type Release = () => Promise<void>;
/** The lock, or a way to wait until it may be free. */
type Attempt = { readonly release: Release } | { readonly freed: (signal: AbortSignal) => Promise<void> };

async function acquireWithin(signal: AbortSignal, acquire: () => Promise<Attempt>, waitMs: number): Promise<Release> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    throwIfAborted(signal);
    const attempt = await acquire();
    if ("release" in attempt) return attempt.release;
    const left = deadline - performance.now();
    if (left <= 0) return async () => {};
    await attempt.freed(AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(left))]));
  }
}

/**
 * An abstract unix socket (unix(7)): the kernel frees the name when its holder ends, however it ends. Those who wait
 * hold a connection to it, which ends with it.
 */
async function acquireSocket(key: string): Promise<Attempt> {
  const path = `\0fledge-${key}`;
  const waiting = new Set<Socket>();
  const server = createServer((socket) => {
    waiting.add(socket);
    socket.on("error", () => {}).on("close", () => waiting.delete(socket));
  });
  const failure = await listen(server, path);
  if (failure === "EADDRINUSE") return { freed: (signal) => connectionEnd(path, signal) };
  if (failure !== undefined) return { release: async () => {} }; // no such sockets in this sandbox: go on without
  return {
    release: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of waiting) socket.destroy();
      }),
  };
}

function listen(server: Server, path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    server.once("error", (error) => resolve(errnoOf(error) ?? "unknown"));
    server.listen({ path, backlog: 511 }, () => resolve(undefined));
  });
}

async function connectionEnd(path: string, signal: AbortSignal): Promise<void> {
  const socket = connect({ path });
  const refused = await new Promise<boolean>((resolve) => {
    const stop = () => socket.destroy();
    signal.addEventListener("abort", stop, { once: true });
    let failed = false;
    socket.on("error", () => {
      failed = true;
    });
    socket.on("close", () => {
      signal.removeEventListener("abort", stop);
      resolve(failed);
    });
    socket.resume();
  });
  // Refused: the holder is just leaving, or its queue is full. A moment keeps this from spinning.
  if (refused && !signal.aborted) await pause(signal);
}

/** A file that holds the pid of its owner; one whose owner is dead is taken over. */
async function acquireFile(cacheDir: string, key: string): Promise<Attempt> {
  const path = join(await ensureCacheFolder(cacheDir, "locks"), key);
  try {
    const file = await open(path, "wx");
    await file.writeFile(String(process.pid));
    await file.close();
    return { release: () => rm(path, { force: true }) };
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") return { release: async () => {} };
  }
  const pid = Number(await readFile(path, "utf8").catch(() => ""));
  if (pid > 0 && !isAlive(pid)) await rm(path, { force: true });
  return { freed: pause };
}

/** Whether a process of this machine runs; one of another user does (EPERM). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === "EPERM";
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  await sleep(POLL_MS, signal).catch(() => {});
}
