import type { ResolvedPlugin } from "../contract/plugin.ts";
import { contextOutside, type Env, epochFrom, type RunContext } from "../lib/context.ts";
import { Disposer } from "../lib/dispose.ts";
import type { Elsewhere, ElsewhereUse } from "../serve/client/index.ts";
import { resolveCacheDir } from "../store/cache-dir.ts";
import { openQueue } from "./queue/index.ts";
import { openStore } from "./store/index.ts";
import { FarmSubmitter } from "./submit.ts";

export { ownLabels } from "./own-labels.ts";
export { openQueue } from "./queue/index.ts";
export { openStore } from "./store/index.ts";
export { runWorker, type WorkerEvent } from "./worker.ts";

export type FarmOptions = {
  /** `redis://` or `postgres://`. */
  readonly queue: string;
  /** `REGISTRY/REPOSITORY` or `s3://BUCKET/PREFIX`. */
  readonly store: string;
  /** What workers must have beside what the plugins need. */
  readonly labels: readonly string[];
  readonly cacheDir?: string | undefined;
  readonly env: Env;
  readonly signal: AbortSignal;
};

/** A farm, to have plugins built by its workers. */
export type Farm = {
  submitter(use: ElsewhereUse, plugin: ResolvedPlugin): Elsewhere;
  close(): Promise<void>;
};

/** Only workers hold locks. */
const LOCK_MS = 30_000;

/** Connects to a farm. Throws a `usage` error for what names none, a `download` error for one that is not there. */
export async function openFarm(options: FarmOptions): Promise<Farm> {
  const { queue: url, store: place, labels, env, signal } = options;
  const disposer = new Disposer();
  const shared = { env, disposer, cacheDir: resolveCacheDir(env, options.cacheDir), epoch: epochFrom(env) };
  const contextFor = (use: ElsewhereUse): RunContext =>
    contextOutside({ ...shared, signal: use.signal }, { warn: ({ message }) => use.log(message), log: use.log });
  const store = await openStore(place, contextFor({ signal, log: () => {} }));
  const queue = await openQueue({ url, lockMs: LOCK_MS, onError: () => {} });
  const parts = { queue, store, labels, own: new Set<string>(), idle: new Set<string>() };
  return {
    submitter: (use, plugin) => new FarmSubmitter(plugin, parts, contextFor(use)),
    close: async () => {
      await queue.close();
      await disposer.dispose();
    },
  };
}
