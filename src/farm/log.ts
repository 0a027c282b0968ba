import type { QueueEvent } from "../serve/queue/index.ts";

/** A queue is no place for what changes many times a second. */
const PROGRESS_MS = 1_000;

/** What a build says, on its way to the queue: in order, and without waiting for it. */
export class JobLog {
  readonly #write: (lines: readonly string[]) => Promise<void>;
  #lines: string[] = [];
  #writing: Promise<void> = Promise.resolve();
  #lastProgressMs = 0;

  constructor(write: (lines: readonly string[]) => Promise<void>) {
    this.#write = write;
  }

  add(event: QueueEvent): void {
    if (event.type === "stage:progress") {
      const now = performance.now();
      if (now - this.#lastProgressMs < PROGRESS_MS) return;
      this.#lastProgressMs = now;
    }
    this.#lines.push(JSON.stringify(event));
    if (this.#lines.length === 1) this.#writing = this.#writing.then(() => this.#drain());
  }

  /** Resolves when all is written, or cannot be: a log that is not whole is no reason to fail. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  async #drain(): Promise<void> {
    const lines = this.#lines;
    this.#lines = [];
    await this.#write(lines).catch(() => undefined);
  }
}
