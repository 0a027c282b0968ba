import type { Job, Queue, Worker } from "bullmq";
import type { FarmJob, FarmResult } from "../jobs.ts";
import { connect, type Engine } from "./connect.ts";
import type { FarmQueue, JobState, TakenJob } from "./contract.ts";
import { steadily } from "./steady.ts";

type FarmQueueJob = Job<FarmJob, FarmResult>;

export type QueueOptions = {
  readonly url: string;
  /** How long whoever has taken a job may be silent before it is given to another. Milliseconds. */
  readonly lockMs: number;
  readonly onError: (error: Error) => void;
};

const DAY_SEC = 24 * 60 * 60;
/** What has ended is known for so long, to those who ask again. */
const KEEP = { age: 7 * DAY_SEC, count: 20_000 };
/** A build that brought down so many workers is not tried again. */
const MAX_LOST = 5;

/** A queue on BullMQ, in Redis or PostgreSQL. Throws what `connect` throws. */
export async function openQueue(options: QueueOptions): Promise<FarmQueue> {
  return new BullQueue(await connect(options.url, options.onError), options.lockMs);
}

class BullQueue implements FarmQueue {
  readonly #engine: Engine;
  readonly #lockMs: number;
  readonly #queues = new Map<string, Queue>();
  readonly #workers = new Map<string, Worker>();

  constructor(engine: Engine, lockMs: number) {
    this.#engine = engine;
    this.#lockMs = lockMs;
  }

  async add(queue: string, id: string, job: FarmJob): Promise<boolean> {
    const isKnown = (await this.#job(queue, id)) !== undefined;
    // Whoever adds at the same time, or again, adds the same.
    const options = { jobId: id, removeOnComplete: KEEP, removeOnFail: KEEP };
    await steadily(() => this.#queue(queue).add("build", job, options));
    return !isKnown;
  }

  async state(queue: string, id: string): Promise<JobState> {
    const state = await steadily(() => this.#queue(queue).getJobState(id));
    switch (state) {
      case "completed":
      case "failed": {
        // Read behind its state: before, what has come of it may not have been there.
        const job = await this.#job(queue, id);
        if (job === undefined) return { kind: "lost" };
        const endedMs = job.finishedOn ?? 0;
        if (state === "completed") return { kind: "done", result: job.returnvalue, endedMs };
        return { kind: "failed", reason: job.failedReason ?? "", endedMs };
      }
      case "active":
        return { kind: "running" };
      case "unknown":
        return { kind: "lost" };
      default: {
        const position = await steadily(() => this.#queue(queue).getWaitingCount());
        return { kind: "waiting", position, running: await steadily(() => this.#queue(queue).getActiveCount()) };
      }
    }
  }

  async log(queue: string, id: string, from: number): Promise<readonly string[]> {
    return (await steadily(() => this.#queue(queue).getJobLogs(id, from, from + 999))).logs;
  }

  async remove(queue: string, id: string): Promise<void> {
    // What runs is not removed.
    await this.#queue(queue)
      .remove(id)
      .catch(() => undefined);
  }

  async cancel(queue: string, id: string): Promise<void> {
    const job = await this.#job(queue, id);
    if (job === undefined) return;
    if ((await job.getState()) !== "active") await this.remove(queue, id);
    // It may have been taken in between.
    await job.updateData({ ...job.data, isCancelled: true }).catch(() => undefined);
  }

  async take(queues: readonly string[], token: string): Promise<TakenJob | undefined> {
    for (const name of queues) {
      const job = (await this.#worker(name).getNextJob(token, { block: false })) as FarmQueueJob | undefined;
      if (job !== undefined) return this.#taken(name, job, token);
    }
    return undefined;
  }

  async watch(queues: readonly string[]): Promise<void> {
    for (const name of queues) await this.#worker(name).startStalledCheckTimer();
  }

  async close(): Promise<void> {
    await this.#engine.close();
  }

  #taken(queue: string, job: FarmQueueJob, token: string): TakenJob {
    const id = job.id ?? "";
    const { UnrecoverableError } = this.#engine;
    return {
      id,
      job: job.data,
      isCancelled: async () => (await this.#job(queue, id))?.data.isCancelled === true,
      keep: async () =>
        await steadily(() => job.extendLock(token, this.#lockMs)).then(
          (count) => count > 0,
          () => false,
        ),
      log: async (lines) => {
        for (const line of lines) await steadily(() => job.log(line));
      },
      complete: async (result) => void (await steadily(() => job.moveToCompleted(result, token, false))),
      fail: async (reason) =>
        void (await steadily(() => job.moveToFailed(new UnrecoverableError(reason), token, false))),
      giveBack: async () => void (await steadily(() => job.moveToWait(token))),
    };
  }

  async #job(queue: string, id: string): Promise<FarmQueueJob | undefined> {
    return (await steadily(() => this.#queue(queue).getJob(id))) as FarmQueueJob | undefined;
  }

  #queue(name: string): Queue {
    const known = this.#queues.get(name);
    if (known !== undefined) return known;
    const made = this.#engine.queue(name);
    this.#queues.set(name, made);
    return made;
  }

  #worker(name: string): Worker {
    const known = this.#workers.get(name);
    if (known !== undefined) return known;
    const times = { lockDuration: this.#lockMs, stalledInterval: this.#lockMs, maxStalledCount: MAX_LOST };
    const made = this.#engine.worker(name, times);
    this.#workers.set(name, made);
    return made;
  }
}
