import { nowMs } from "./clock.ts";
import { throwIfAborted } from "./context.ts";

/** Half of what a person takes for at once. */
const INTERVAL_MS = 50;

/** To ask for the time after each of many small steps would cost as much as they do. */
const STEPS = 16;

/** Long synchronous work that lets others have the thread now and then, so that an abort is heard while it runs. */
export class Pause {
  readonly #signal: AbortSignal | undefined;
  #steps = 0;
  #sinceMs = nowMs();

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  /** Asked after each step of the work: whether `take` is to be awaited now. */
  isDue(): boolean {
    return ++this.#steps % STEPS === 0 && nowMs() - this.#sinceMs >= INTERVAL_MS;
  }

  /** Throws the `aborted` error once the signal has fired. */
  async take(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#signal !== undefined) throwIfAborted(this.#signal);
    this.#sinceMs = nowMs();
  }
}
