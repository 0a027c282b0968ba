import { randomUUID } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import { nowMs } from "../lib/clock.ts";
import { type RunContext, throwIfAborted } from "../lib/context.ts";
import type { Digest } from "../lib/digest.ts";
import { type ErrorData, FledgeError } from "../lib/errors.ts";
import { sleep } from "../lib/network/retry.ts";
import { fledgeVersion } from "../lib/version.ts";
import { receiveBundle } from "../serve/bundle/index.ts";
import type { Elsewhere, Followed } from "../serve/client/index.ts";
import type { BuildView, QueueEvent } from "../serve/queue/index.ts";
import type { BuildRequest } from "../serve/request.ts";
import { ensureCacheFolder } from "../store/cache-dir.ts";
import { BUNDLE_FILE, CANCELLED, type FarmJob, jobId, labelsFor, queueName, SETS } from "./jobs.ts";
import type { FarmQueue, JobState } from "./queue/index.ts";
import type { FarmStore, StoredSet } from "./store/index.ts";

/** Equal builds meet for so long; then what is not held by a lock may be something else, and it is built again. */
const REUSE_MS = 10 * 60_000;

/** How often is asked, at first and later on. */
const ASK_MS = { first: 200, most: 2_000 };

/** Workers that are there take what waits much sooner. */
const NOBODY_MS = 15_000;

/** As often is a build begun anew that another submitter has cancelled, or whose result is gone. */
const TRIES = 5;

type Parts = {
  readonly queue: FarmQueue;
  readonly store: FarmStore;
  readonly labels: readonly string[];
  /** Jobs that are there because this process has submitted them: only those are its to cancel. */
  readonly own: Set<string>;
  /** Queues of which was said that nobody takes from them. */
  readonly idle: Set<string>;
};

/** Has the workers of a farm build one plugin. */
export class FarmSubmitter implements Elsewhere {
  readonly #parts: Parts;
  readonly #ctx: RunContext;
  readonly #labels: readonly string[];
  readonly #queueName: string;
  #job: FarmJob | undefined;
  #isCancelled = false;

  constructor(plugin: ResolvedPlugin, parts: Parts, ctx: RunContext) {
    this.#parts = parts;
    this.#ctx = ctx;
    this.#labels = labelsFor(plugin, parts.labels);
    this.#queueName = queueName(this.#labels);
  }

  get name(): string {
    return `the farm, by way of ${this.#parts.store.name}`;
  }

  async submit(request: BuildRequest, body: () => AsyncIterable<Uint8Array>): Promise<{ readonly id: string }> {
    const bundle = await this.#putBundle(body);
    this.#job = { bundle, request };
    const id = jobId(this.#job);
    await this.#forgetOld(id, request);
    await this.#add(id, this.#job);
    return { id };
  }

  async *follow(id: string): AsyncGenerator<Followed, void, undefined> {
    let seen = 0;
    let position: number | undefined;
    let busyMs = performance.now();
    for (let wait = ASK_MS.first, tries = 0; ; wait = Math.min(wait * 1.3, ASK_MS.most)) {
      // First the state, then what was logged until then: the last lines are not missed.
      const state = await this.#parts.queue.state(this.#queueName, id);
      const lines = await this.#parts.queue.log(this.#queueName, id, seen);
      seen += lines.length;
      for (const line of lines) yield { kind: "event", event: JSON.parse(line) as QueueEvent };
      if (lines.length > 0) {
        wait = ASK_MS.first;
        continue;
      }
      if (state.kind === "waiting" && state.position !== position) {
        position = state.position;
        yield { kind: "position", position };
      }
      if (state.kind !== "waiting" || state.running > 0) busyMs = performance.now();
      else if (performance.now() - busyMs > NOBODY_MS && !this.#parts.idle.has(this.#queueName)) {
        this.#parts.idle.add(this.#queueName);
        yield { kind: "event", event: this.#nobody() };
      }
      const view = this.#viewOf(id, state);
      if (view !== undefined && !(await this.#beginsAnew(id, view, ++tries))) {
        yield { kind: "end", view };
        return;
      }
      if (view !== undefined) seen = 0;
      await sleep(wait, this.#ctx.signal);
      throwIfAborted(this.#ctx.signal);
    }
  }

  async download(id: string, { to, sizeBytes, progress }: Parameters<Elsewhere["download"]>[1]): Promise<Digest> {
    const { files, get } = await this.#result(id);
    const [artifact] = files;
    if (artifact === undefined) throw gone(this.#parts.store.name);
    await get(artifact.name, to);
    progress(sizeBytes);
    return artifact.digest;
  }

  /** Out of the store, to the byte: what a queue keeps of it is the same document, but PostgreSQL sorts its keys. */
  async manifest(id: string): Promise<string> {
    const { files, get } = await this.#result(id);
    const manifest = files[1];
    if (manifest === undefined) throw gone(this.#parts.store.name);
    return await this.#withTemporary(async (path) => {
      await get(manifest.name, path);
      return await readFile(path, "utf8");
    });
  }

  /** What others have submitted too, or before, goes on for them. */
  async cancel(id: string): Promise<void> {
    this.#isCancelled = true;
    if (this.#parts.own.has(id)) await this.#parts.queue.cancel(this.#queueName, id);
  }

  async #result(id: string): Promise<StoredSet> {
    if (!(await this.#isStored(id))) throw gone(this.#parts.store.name);
    return await this.#parts.store.open(SETS.result(id));
  }

  async #add(id: string, job: FarmJob): Promise<void> {
    if (await this.#parts.queue.add(this.#queueName, id, job)) this.#parts.own.add(id);
  }

  async #putBundle(body: () => AsyncIterable<Uint8Array>): Promise<Digest> {
    const { env, signal } = this.#ctx;
    return await this.#withTemporary(async (path) => {
      const { digest, sizeBytes } = await receiveBundle(body(), path, { env, signal });
      const set = SETS.bundle(digest);
      if (!(await this.#parts.store.has(set)))
        await this.#parts.store.put(set, [{ name: BUNDLE_FILE, path, digest, sizeBytes }]);
      return digest;
    });
  }

  async #withTemporary<T>(use: (path: string) => Promise<T>): Promise<T> {
    const { cacheDir, disposer } = this.#ctx;
    const path = join(await ensureCacheFolder(cacheDir, "ingest"), `${randomUUID()}.farm`);
    const withdraw = disposer.defer(() => rm(path, { force: true }));
    try {
      return await use(path);
    } finally {
      await rm(path, { force: true });
      withdraw();
    }
  }

  /** So that it is built, and not taken from what an earlier build has left. */
  async #forgetOld(id: string, { force, frozen }: BuildRequest): Promise<void> {
    const state = await this.#parts.queue.state(this.#queueName, id);
    const hasEnded = state.kind === "done" || state.kind === "failed";
    if (!hasEnded) return;
    const isStale = !frozen && nowMs() - state.endedMs > REUSE_MS;
    if (state.kind === "failed" || force || isStale || !(await this.#isStored(id))) {
      await this.#parts.queue.remove(this.#queueName, id);
    }
  }

  async #isStored(id: string): Promise<boolean> {
    return await this.#parts.store.has(SETS.result(id));
  }

  /** Whether an end is none for this submitter: another one has cancelled what both wanted. */
  async #beginsAnew(id: string, view: BuildView, tries: number): Promise<boolean> {
    if (view.state !== "cancelled" || this.#isCancelled || this.#job === undefined || tries >= TRIES) return false;
    await this.#parts.queue.remove(this.#queueName, id);
    await this.#add(id, this.#job);
    return true;
  }

  #nobody(): QueueEvent {
    const labels = this.#labels.length === 0 ? "" : ` with ${this.#labels.join(", ")}`;
    return {
      ...{ type: "warning", plugin: this.#job?.request.plugin ?? "" },
      message: `nobody has begun to build it for ${NOBODY_MS / 1000} s: no worker may be there that can`,
      hint: `it waits for a fledge worker ${fledgeVersion()}${labels}; each says what it has when it starts`,
    };
  }

  /** Undefined until it has ended. */
  #viewOf(id: string, state: JobState): BuildView | undefined {
    const request = this.#job?.request as BuildRequest;
    const common = { id, request, source: { kind: "bundle" as const }, createdMs: 0, attempts: 1 };
    switch (state.kind) {
      case "done":
        return { ...common, state: "done", outputs: state.result.outputs };
      case "failed": {
        const error = errorIn(state.reason);
        return error === undefined ? { ...common, state: "cancelled" } : { ...common, state: "failed", error };
      }
      case "lost":
        return { ...common, state: "cancelled" };
      default:
        return undefined;
    }
  }
}

/** What a worker says of a failure; undefined when it was cancelled. */
function errorIn(reason: string): ErrorData | undefined {
  if (reason === CANCELLED) return undefined;
  try {
    return JSON.parse(reason) as ErrorData;
  } catch {
    return {
      code: "internal",
      message: `the workers that took the build were lost: ${reason}`,
      hint: "it may be what brings them down: look at what they said last, and at their memory",
    } as ErrorData;
  }
}

function gone(store: string): FledgeError {
  return new FledgeError("source", `what the build has made is not in ${store} any more`, { hint: "build it again" });
}
