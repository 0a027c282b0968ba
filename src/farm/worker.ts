import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import type { Env, RunContext } from "../lib/context.ts";
import { errorData, isFledgeError } from "../lib/errors.ts";
import { removeTree } from "../lib/files/atomic.ts";
import { sleep } from "../lib/network/retry.ts";
import type { BundleLimits } from "../serve/bundle/index.ts";
import { endChild } from "../serve/child.ts";
import { type BuildOutputs, type QueueEvent, tookTooLong } from "../serve/queue/index.ts";
import { buildWork, type Work } from "../serve/work.ts";
import { BUNDLE_FILE, CANCELLED, type FarmResult, queuesFor, SETS } from "./jobs.ts";
import { JobLog } from "./log.ts";
import type { FarmQueue, TakenJob } from "./queue/index.ts";
import type { FarmStore } from "./store/index.ts";

export type WorkerOptions = {
  readonly queue: FarmQueue;
  readonly store: FarmStore;
  /** Builds at once. */
  readonly jobs: number;
  readonly labels: readonly string[];
  /** How long this worker may be silent before a build of its is given to another. Milliseconds. */
  readonly lockMs: number;
  /** What a build may take. Milliseconds. */
  readonly timeoutMs: number;
  /** Holds a folder for each build that runs; absolute, this worker's alone. */
  readonly folder: string;
  /** See `ChildOptions` and `WorkOptions`. */
  readonly program: readonly [string, ...string[]];
  readonly envNames: readonly string[];
  readonly declarative?: readonly string[] | undefined;
  readonly env: Env;
  readonly onJob: (event: WorkerEvent) => void;
};

/** What becomes of a build that a worker has taken. */
export type WorkerEvent = {
  readonly id: string;
  readonly plugin: string;
  readonly state: "taken" | "done" | "failed" | "cancelled" | "given back" | "lost";
  readonly durationMs?: number;
  readonly message?: string;
};

/** What a project may be. */
const LIMITS: BundleLimits = { maxEntries: 200_000, maxBytes: 4 * 2 ** 30 };

/** Why a build that runs is stopped. */
type Ending = "cancelled" | "lost" | "given back";

/** How often is looked for work when there was none, and for a wish to cancel. */
const IDLE_MS = 500;
const CANCEL_MS = 1_000;

/** Takes builds until the signal fires; those that run then are given back to the others. */
export async function runWorker(options: WorkerOptions, ctx: RunContext): Promise<void> {
  const queues = queuesFor(options.labels);
  await options.queue.watch(queues);
  const slots = [...new Array(options.jobs).keys()].map((slot) => runSlot(queues, slot, options, ctx));
  await Promise.all(slots);
}

async function runSlot(
  queues: readonly string[],
  slot: number,
  options: WorkerOptions,
  ctx: RunContext,
): Promise<void> {
  const token = `${process.pid}-${slot}-${performance.timeOrigin}`;
  while (!ctx.signal.aborted) {
    const taken = await options.queue.take(queues, token).catch((error: unknown) => {
      ctx.warn({ message: `no work can be taken: ${errorData(error).message}` });
      return undefined;
    });
    if (taken === undefined) await sleep(IDLE_MS, ctx.signal).catch(() => undefined);
    else await new WorkerBuild(taken, options, ctx).run();
  }
}

class WorkerBuild {
  readonly #taken: TakenJob;
  readonly #options: WorkerOptions;
  readonly #ctx: RunContext;
  readonly #stop = new AbortController();
  readonly #started = performance.now();
  #ending: Ending | undefined;

  constructor(taken: TakenJob, options: WorkerOptions, ctx: RunContext) {
    this.#taken = taken;
    this.#options = options;
    this.#ctx = ctx;
  }

  async run(): Promise<void> {
    const { lockMs } = this.#options;
    const onShutdown = (): void => this.#end("given back");
    this.#ctx.signal.addEventListener("abort", onShutdown);
    const timers = [setInterval(() => void this.#keep(), lockMs / 3), setInterval(() => void this.#look(), CANCEL_MS)];
    this.#tell("taken");
    try {
      await this.#settle();
    } catch (error) {
      // Another worker has it, or the queue is away: then another will.
      this.#tell("lost", errorData(error).message);
    } finally {
      timers.forEach(clearInterval);
      this.#ctx.signal.removeEventListener("abort", onShutdown);
    }
  }

  async #settle(): Promise<void> {
    try {
      const result = await this.#build();
      await this.#taken.complete(result);
      this.#tell("done");
    } catch (error) {
      if (this.#ending === "lost") return this.#tell("lost");
      if (this.#ending === "given back") await this.#taken.giveBack();
      else await this.#taken.fail(this.#ending === "cancelled" ? CANCELLED : JSON.stringify(errorData(error)));
      this.#tell(this.#ending ?? "failed", this.#ending === undefined ? errorData(error).message : undefined);
    }
  }

  async #build(): Promise<FarmResult> {
    const { id, job } = this.#taken;
    const { store, folder } = this.#options;
    const work = join(folder, id);
    const places = { bundle: join(work, BUNDLE_FILE), work, out: join(work, "out") };
    const timeout = AbortSignal.timeout(this.#options.timeoutMs);
    const signal = AbortSignal.any([this.#stop.signal, timeout]);
    await removeTree(work);
    try {
      await mkdir(places.out, { recursive: true, mode: 0o700 });
      const bundle = await store.open(SETS.bundle(job.bundle));
      await bundle.get(BUNDLE_FILE, places.bundle);
      const { outputs, result } = await this.#inChild(places, signal);
      const files = [outputs.artifact, ...(outputs.manifest === undefined ? [] : [outputs.manifest])];
      await store.put(
        SETS.result(id),
        files.map((file) => ({ ...file, path: join(places.out, file.name) })),
      );
      return { outputs, result };
    } catch (error) {
      throw timeout.aborted && isFledgeError(error) ? tookTooLong(this.#options.timeoutMs, "worker") : error;
    } finally {
      endChild(id);
      await removeTree(work);
    }
  }

  async #inChild(places: Work["places"], signal: AbortSignal): Promise<FarmResult> {
    const { id, job } = this.#taken;
    const { program, env, envNames, declarative } = this.#options;
    const log = new JobLog((lines) => this.#taken.log(lines));
    let result: FarmResult["result"] | undefined;
    const work = buildWork({
      program,
      env,
      envNames,
      declarative,
      cacheDir: this.#ctx.cacheDir,
      limits: LIMITS,
    });
    const source = { kind: "bundle" as const, file: places.bundle, digest: job.bundle, sizeBytes: 0 };
    let outputs: BuildOutputs;
    try {
      outputs = await work({
        id,
        record: { request: job.request, source },
        places,
        signal,
        onEvent: (event: QueueEvent) => {
          if (event.type === "build:done") result = event.result;
          log.add(event);
        },
      });
    } finally {
      await log.flush();
    }
    if (result === undefined) throw new Error("a build that is done has no result");
    return { outputs, result };
  }

  async #keep(): Promise<void> {
    if (!(await this.#taken.keep())) this.#end("lost");
  }

  async #look(): Promise<void> {
    if (await this.#taken.isCancelled().catch(() => false)) this.#end("cancelled");
  }

  #end(ending: Ending): void {
    this.#ending ??= ending;
    this.#stop.abort();
  }

  #tell(state: WorkerEvent["state"], message?: string): void {
    const { id, job } = this.#taken;
    const durationMs = performance.now() - this.#started;
    const plugin = job.request.plugin ?? "";
    this.#options.onJob({ id, plugin, state, ...(state !== "taken" && { durationMs }), ...(message && { message }) });
  }
}
