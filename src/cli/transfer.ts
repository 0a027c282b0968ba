import { performance } from "node:perf_hooks";
import { contextOutside, epochFrom, type RunContext } from "../lib/context.ts";
import { Disposer } from "../lib/dispose.ts";
import type { EventSink } from "../pipeline/events.ts";
import { resolveCacheDir } from "../store/cache-dir.ts";

/** What is sent or fetched, shown as a stage of a build is. */
type Transfer = {
  readonly plugin: string;
  readonly stage: "push" | "pull";
  readonly title: string;
  readonly cacheDir: string | undefined;
  readonly offline?: boolean | undefined;
  readonly signal: AbortSignal;
  readonly onEvent: EventSink;
};

/** Runs work that is of no build, with events as of one of a build's stages. */
export async function transferring<T>(transfer: Transfer, work: (ctx: RunContext) => Promise<T>): Promise<T> {
  const { plugin, stage, title, signal, onEvent } = transfer;
  const env = transfer.offline ? { ...process.env, FLEDGE_OFFLINE: "1" } : process.env;
  const disposer = new Disposer();
  const shared = {
    env,
    signal,
    disposer,
    cacheDir: resolveCacheDir(env, transfer.cacheDir),
    epoch: epochFrom(env),
  };
  const ctx: RunContext = {
    ...contextOutside(shared, {
      warn: (warning) => onEvent({ type: "warning", plugin, ...warning }),
      log: (message) => onEvent({ type: "log", plugin, message }),
    }),
    progress: (doneBytes, totalBytes) =>
      onEvent({ type: "stage:progress", plugin, stage, doneBytes, ...(totalBytes !== undefined && { totalBytes }) }),
  };
  const started = performance.now();
  onEvent({ type: "stage:start", plugin, stage, title });
  try {
    const result = await work(ctx);
    onEvent({ type: "stage:done", plugin, stage, durationMs: performance.now() - started });
    return result;
  } finally {
    await disposer.dispose();
  }
}
