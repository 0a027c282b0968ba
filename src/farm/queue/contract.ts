import type { FarmJob, FarmResult } from "../jobs.ts";

/** Where a job is. `lost` is what is not known any more. */
export type JobState =
  /** `running`: of its queue. */
  | { readonly kind: "waiting"; readonly position: number; readonly running: number }
  | { readonly kind: "running" }
  | { readonly kind: "done"; readonly result: FarmResult; readonly endedMs: number }
  | { readonly kind: "failed"; readonly reason: string; readonly endedMs: number }
  | { readonly kind: "lost" };

/** A job that was taken. It is this process's while `keep` is called more often than the lock runs. */
export interface TakenJob {
  readonly id: string;
  readonly job: FarmJob;
  /** Whether whoever submitted it wants it ended. */
  isCancelled(): Promise<boolean>;
  /** False when it is another's by now. */
  keep(): Promise<boolean>;
  log(lines: readonly string[]): Promise<void>;
  complete(result: FarmResult): Promise<void>;
  fail(reason: string): Promise<void>;
  /** Back to the others, as if it had not been taken. */
  giveBack(): Promise<void>;
}

/** A queue that several machines share. */
export interface FarmQueue {
  /** Adds a job unless there is one of that id; returns whether it did. */
  add(queue: string, id: string, job: FarmJob): Promise<boolean>;
  state(queue: string, id: string): Promise<JobState>;
  /** The lines that were logged of a job, from one on. */
  log(queue: string, id: string, from: number): Promise<readonly string[]>;
  remove(queue: string, id: string): Promise<void>;
  cancel(queue: string, id: string): Promise<void>;
  /** A job of the first of these queues that has one. */
  take(queues: readonly string[], token: string): Promise<TakenJob | undefined>;
  /** From now on what others have taken and lost of these queues is given out again. */
  watch(queues: readonly string[]): Promise<void>;
  close(): Promise<void>;
}
