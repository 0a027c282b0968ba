import { performance } from "node:perf_hooks";
import { contextOutside, type Env, epochFrom, type RunContext } from "../lib/context.ts";
import { Disposer } from "../lib/dispose.ts";
import type { EventSink } from "../pipeline/events.ts";
import { resolveCacheDir } from "../store/cache-dir.ts";

/** How what is sent or fetched is stopped, what it may use, and whom it tells: events as of a stage of a build. */
export type TransferOptions = {
  readonly signal?: AbortSignal | undefined;
  /** Default `process.env`. */
  readonly env?: Env | undefined;
  /** As builds have it. */
  readonly cacheDir?: string | undefined;
  /** Use no network. Default false, unless FLEDGE_OFFLINE is set. */
  readonly offline?: boolean | undefined;
  readonly onEvent?: EventSink | undefined;
};

/** What its events are of, and say. */
type Stage = { readonly plugin: string; readonly stage: "push" | "pull" | "publish"; readonly title: string };

/** Runs work that is of no build, with events as of one of a build's stages. */
export async function transferring<T>(
  { plugin, stage, title }: Stage,
  { signal = new AbortController().signal, onEvent = () => {}, cacheDir, offline, env: given }: TransferOptions,
  work: (ctx: RunContext) => Promise<T>,
): Promise<T> {
  const env = { ...(given ?? process.env), ...(offline && { FLEDGE_OFFLINE: "1" }) };
  const disposer = new Disposer();
  const shared = { env, signal, disposer, cacheDir: resolveCacheDir(env, cacheDir), epoch: epochFrom(env) };
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
