import { messageOf } from "./errors.ts";

export type Cleanup = () => void | Promise<void>;

/**
 * What a build must undo when it ends, however it ends: last in, first out. A cleanup that fails does not
 * keep the others from running; the failures come back as texts.
 */
export class Disposer {
  readonly #cleanups: Cleanup[] = [];

  /** Registers a cleanup; the returned function withdraws it (the temporary file became the artifact). */
  defer(cleanup: Cleanup): () => void {
    this.#cleanups.push(cleanup);
    return () => {
      const index = this.#cleanups.lastIndexOf(cleanup);
      if (index >= 0) this.#cleanups.splice(index, 1);
    };
  }

  async dispose(): Promise<string[]> {
    const failures: string[] = [];
    for (let cleanup = this.#cleanups.pop(); cleanup; cleanup = this.#cleanups.pop()) {
      try {
        await cleanup();
      } catch (error) {
        failures.push(messageOf(error));
      }
    }
    return failures;
  }
}
