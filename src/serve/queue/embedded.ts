import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { nowMs } from "../../lib/clock.ts";
import { throwIfAborted } from "../../lib/context.ts";
import { errorData, FledgeError, messageOf } from "../../lib/errors.ts";
import { removeTree } from "../../lib/files/atomic.ts";
import { Refusal } from "../refusal.ts";
import type {
  BuildOutputs,
  BuildView,
  Job,
  LoggedEvent,
  Queue,
  QueueEvent,
  QueueStatus,
  Submitted,
} from "./contract.ts";
import { hasEnded } from "./contract.ts";
import { type BuildRecord, Keeping, newId, type Places } from "./keeping.ts";
import { EventLog, readLog } from "./log.ts";
import type { EmbeddedOptions } from "./task.ts";
import { diskError, fingerprint, keyOf, keyTaken, queueFull, tookTooLong, viewOf } from "./views.ts";

/** Why a build that runs is stopped. */
type Ending = { readonly kind: "cancel" | "timeout" | "close" | "broken"; readonly error: FledgeError };

type Entry = {
  record: BuildRecord;
  readonly log: EventLog;
  readonly places: Places;
  /** Of one that runs. */
  running?: { readonly controller: AbortController; ending?: Ending; readonly settled: Promise<void> };
  /** Until it is on disk. */
  arriving?: Promise<void>;
  /** Readers that wait for more, and how often there was more. */
  readonly waiters: Set<() => void>;
  changes: number;
};

/** Begun twice and lost twice, it is taken for what brings the service down. */
const MAX_ATTEMPTS = 2;
const SWEEP_MS = 60_000;
const SAVE_AGAIN_MS = 1_000;
/** What a build says in so short a time is read at once: it may say thousands of things a second, to many readers. */
const GATHER_MS = 25;

/** The queue of one machine, in this process and on its disk. */
export async function openEmbedded(options: EmbeddedOptions): Promise<Queue> {
  const queue = new EmbeddedQueue(options);
  await queue.open();
  return queue;
}

class EmbeddedQueue implements Queue {
  readonly #options: EmbeddedOptions;
  readonly #keeping: Keeping;
  readonly #entries = new Map<string, Entry>();
  readonly #byKey = new Map<string, string>();
  #queue: string[] = [];
  #running = 0;
  /** Submitted and not yet on disk: they have their places already. */
  #arriving = 0;
  #number = 0;
  #isClosed = false;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: EmbeddedOptions) {
    this.#options = options;
    this.#keeping = new Keeping(options.folder);
  }

  async open(): Promise<void> {
    for (const record of await this.#keeping.load()) {
      const entry = this.#enter(record);
      this.#number = Math.max(this.#number, record.number);
      if (!hasEnded(record.state)) await this.#takeUp(entry);
    }
    await this.#sweep();
    this.#sweeper = setInterval(() => void this.#sweep(), SWEEP_MS).unref();
    this.#next();
  }

  async submit(job: Job): Promise<Submitted> {
    if (this.#isClosed) throw new Refusal("unavailable", "the service is ending", { retryAfterSec: 5 });
    const known = this.#known(job);
    if (known !== undefined) return known;
    this.#assertRoom();
    this.#arriving++;
    const record: BuildRecord = {
      ...{ id: newId(nowMs()), number: ++this.#number, state: "queued", attempts: 0, createdMs: nowMs() },
      ...{ request: job.request, source: job.source, key: job.key, by: job.by },
    };
    const entry = this.#enter(record);
    entry.arriving = this.#keeping.create(record);
    try {
      await entry.arriving;
    } catch (error) {
      this.#forget(entry);
      throw diskError(error);
    } finally {
      this.#arriving--;
    }
    this.#say(entry, { type: "state", state: "queued" });
    this.#queue.push(record.id);
    this.#options.onState?.(this.#view(entry));
    this.#next();
    return { id: record.id, position: this.#positionOf(entry) ?? 0, isNew: true };
  }

  async assertRoom(job: Pick<Job, "key" | "by">): Promise<void> {
    if (!this.#byKey.has(keyOf(job))) this.#assertRoom();
  }

  async get(id: string): Promise<BuildView | undefined> {
    const entry = this.#entries.get(id);
    return entry === undefined ? undefined : this.#view(entry);
  }

  async list(): Promise<readonly BuildView[]> {
    const positions = new Map(this.#queue.map((id, index) => [id, index + 1]));
    const positionOf = ({ id, state }: BuildRecord) => (state === "queued" ? (positions.get(id) ?? 0) : undefined);
    return [...this.#entries.values()]
      .sort((a, b) => b.record.number - a.record.number)
      .map(({ record }) => viewOf(record, positionOf(record)));
  }

  async cancel(id: string): Promise<BuildView | undefined> {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    await entry.arriving?.catch(() => {});
    if (entry.running !== undefined) {
      this.#end(entry, { kind: "cancel", error: new FledgeError("aborted", "the build was cancelled") });
      await entry.running.settled;
    } else if (entry.record.state === "queued") {
      this.#queue = this.#queue.filter((other) => other !== id);
      await this.#settle(entry, { state: "cancelled" });
    }
    return this.#view(entry);
  }

  async *events(id: string, after: number, signal: AbortSignal): AsyncGenerator<LoggedEvent, void, undefined> {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    let at = after;
    for (;;) {
      // Asked before reading: what is written in between is seen in the next round.
      const isOver = hasEnded(entry.record.state) && entry.running === undefined;
      const { changes } = entry;
      for await (const event of readLog(entry.places.log, at)) {
        if (signal.aborted) return;
        at = event.id;
        yield event;
      }
      if (signal.aborted || isOver || this.#isClosed) return;
      if (entry.changes === changes) await this.#more(entry, signal);
      await delay(GATHER_MS);
    }
  }

  async output(id: string, what: keyof BuildOutputs): Promise<string | undefined> {
    const entry = this.#entries.get(id);
    const file = entry?.record.outputs?.[what];
    return file === undefined || entry === undefined ? undefined : join(entry.places.out, file.name);
  }

  async status(): Promise<QueueStatus> {
    const { jobs, maxQueued } = this.#options;
    return { running: this.#running, queued: this.#queue.length, jobs, maxQueued };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#sweeper);
    const error = new FledgeError("aborted", "the service is ending");
    const running = [...this.#entries.values()].filter((entry) => entry.running !== undefined);
    for (const entry of running) this.#end(entry, { kind: "close", error });
    await Promise.all(running.map((entry) => entry.running?.settled));
    for (const entry of this.#entries.values()) {
      this.#wake(entry);
      entry.log.close();
    }
  }

  #known(job: Job): Submitted | undefined {
    const entry = this.#entries.get(this.#byKey.get(keyOf(job)) ?? "");
    if (entry === undefined) return undefined;
    if (fingerprint(entry.record) !== fingerprint(job)) throw keyTaken(job);
    return { id: entry.record.id, position: this.#positionOf(entry) ?? 0, isNew: false };
  }

  #assertRoom(): void {
    const { jobs, maxQueued } = this.#options;
    const waiting = this.#queue.length + this.#arriving - Math.max(0, jobs - this.#running);
    if (waiting >= maxQueued) throw queueFull(waiting + 1, maxQueued);
  }

  #enter(record: BuildRecord): Entry {
    const places = this.#keeping.placesOf(record.id);
    const entry: Entry = { record, places, log: new EventLog(places.log), waiters: new Set(), changes: 0 };
    this.#entries.set(record.id, entry);
    if (record.key !== undefined) this.#byKey.set(keyOf(record), record.id);
    return entry;
  }

  #forget({ record, log }: Entry): void {
    log.close();
    this.#entries.delete(record.id);
    if (record.key !== undefined && this.#byKey.get(keyOf(record)) === record.id) this.#byKey.delete(keyOf(record));
  }

  /** What an earlier process has left: queued again, but not for ever. */
  async #takeUp(entry: Entry): Promise<void> {
    const { id, state, attempts } = entry.record;
    this.#options.endLeftovers?.(id);
    await removeTree(entry.places.work);
    await removeTree(entry.places.out);
    if (state === "running" && attempts >= MAX_ATTEMPTS) {
      const error = new FledgeError("internal", `the service came to its end ${attempts} times while this was built`, {
        hint: "what it builds may take all memory; look at the service's log, then build again",
      });
      return await this.#settle(entry, { state: "failed", error: errorData(error) });
    }
    if (state === "running") await this.#change(entry, { state: "queued" }, "the service was started again");
    this.#queue.push(id);
  }

  #next(): void {
    while (!this.#isClosed && this.#running < this.#options.jobs) {
      const id = this.#queue.shift();
      const entry = id === undefined ? undefined : this.#entries.get(id);
      if (entry === undefined) return;
      this.#running++;
      const controller = new AbortController();
      const settled = this.#run(entry, controller).finally(() => {
        this.#running--;
        delete entry.running;
        this.#wake(entry);
        this.#next();
        void this.#sweep();
      });
      entry.running = { controller, settled };
    }
  }

  async #run(entry: Entry, { signal }: AbortController): Promise<void> {
    const { timeoutMs, work } = this.#options;
    const { places } = entry;
    const { id } = entry.record;
    let clock: NodeJS.Timeout | undefined;
    // What stops a build may have come before anything of it has begun.
    await Promise.resolve();
    try {
      const { attempts } = entry.record;
      await this.#change(entry, { state: "running", startedMs: nowMs(), attempts: attempts + 1 });
      for (const folder of [places.work, places.out]) {
        await removeTree(folder);
        await mkdir(folder, { mode: 0o700 });
      }
      throwIfAborted(signal);
      clock = setTimeout(
        () => this.#end(entry, { kind: "timeout", error: tookTooLong(timeoutMs, "serve") }),
        timeoutMs,
      );
      const onEvent = (event: QueueEvent): void => this.#log(entry, event);
      const outputs = await work({ id, record: entry.record, places, signal, onEvent });
      await this.#settle(entry, { state: "done", outputs });
    } catch (error) {
      await this.#settleFailed(entry, error);
    } finally {
      clearTimeout(clock);
    }
  }

  async #settleFailed(entry: Entry, error: unknown): Promise<void> {
    const ending = entry.running?.ending;
    switch (ending?.kind) {
      case "close":
        await removeTree(entry.places.work);
        await removeTree(entry.places.out);
        return await this.#change(
          entry,
          { state: "queued", attempts: entry.record.attempts - 1 },
          "the service is ending",
        );
      case "cancel":
        return await this.#settle(entry, { state: "cancelled" });
      case "timeout":
      case "broken":
        return await this.#settle(entry, { state: "failed", error: errorData(ending.error) });
      default:
        return await this.#settle(entry, { state: "failed", error: errorData(error) });
    }
  }

  /** The end of a build: what it has taken of the disk is given back first, so that there is room to say so. */
  async #settle(entry: Entry, end: Pick<BuildRecord, "state" | "error" | "outputs">): Promise<void> {
    const { work, bundle, out } = entry.places;
    for (const path of [work, bundle]) await removeTree(path).catch(() => {});
    if (end.state !== "done") await removeTree(out).catch(() => {});
    await this.#change(entry, { ...end, endedMs: nowMs() });
    entry.log.close();
    void this.#sweep();
  }

  /** On disk first: what somebody was told must still be so after a crash. */
  async #change(entry: Entry, change: Partial<BuildRecord>, reason?: string): Promise<void> {
    const record = { ...entry.record, ...change };
    await this.#save(entry, record);
    entry.record = record;
    const { state, error } = record;
    this.#say(entry, { type: "state", state, ...(reason !== undefined && { reason }), ...(error && { error }) });
    this.#options.onState?.(this.#view(entry));
  }

  async #save(entry: Entry, record: BuildRecord): Promise<void> {
    try {
      await this.#keeping.save(record);
    } catch (error) {
      if (!hasEnded(record.state)) throw error;
      this.#options.warn(`the end of build ${record.id} is not on disk yet: ${messageOf(error)}`);
      this.#saveLater(entry);
    }
  }

  #saveLater(entry: Entry): void {
    setTimeout(() => {
      if (this.#isClosed || !this.#entries.has(entry.record.id)) return;
      this.#keeping.save(entry.record).catch(() => this.#saveLater(entry));
    }, SAVE_AGAIN_MS).unref();
  }

  /** Writes down what a build says; a build that cannot be written down is ended. */
  #log(entry: Entry, event: QueueEvent): void {
    try {
      entry.log.append(event);
    } catch (error) {
      const broken = error instanceof FledgeError ? error : new FledgeError("io", messageOf(error), { cause: error });
      this.#end(entry, { kind: "broken", error: broken });
      throw broken;
    }
    this.#wake(entry);
  }

  /** Writes down what becomes of a build, if that can be: the record says it too. */
  #say(entry: Entry, event: QueueEvent): void {
    try {
      entry.log.append(event);
    } catch (error) {
      this.#options.warn(`the log of build ${entry.record.id} lacks its last lines: ${messageOf(error)}`);
    }
    this.#wake(entry);
  }

  #end({ running }: Entry, ending: Ending): void {
    if (running === undefined || running.ending !== undefined) return;
    running.ending = ending;
    running.controller.abort(ending.error);
  }

  #wake(entry: Entry): void {
    entry.changes++;
    for (const wake of entry.waiters) wake();
  }

  async #more(entry: Entry, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        entry.waiters.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      entry.waiters.add(wake);
      signal.addEventListener("abort", wake);
      if (signal.aborted) wake();
    });
  }

  #view(entry: Entry): BuildView {
    return viewOf(entry.record, this.#positionOf(entry));
  }

  /** 0 of one that is on its way into the queue, or out of it and about to run. */
  #positionOf({ record }: Entry): number | undefined {
    return record.state === "queued" ? this.#queue.indexOf(record.id) + 1 : undefined;
  }

  async #sweep(): Promise<void> {
    const { count, ageMs } = this.#options.keep;
    const ended = [...this.#entries.values()]
      .filter(({ record, running }) => hasEnded(record.state) && running === undefined)
      .sort((a, b) => (b.record.endedMs ?? 0) - (a.record.endedMs ?? 0));
    const oldest = nowMs() - ageMs;
    for (const entry of ended.filter(({ record }, index) => index >= count || (record.endedMs ?? 0) < oldest)) {
      this.#forget(entry);
      await this.#keeping.remove(entry.record.id);
    }
  }
}
