import type { Digest } from "../../lib/digest.ts";
import type { ErrorData } from "../../lib/errors.ts";
import type { BuildEvent } from "../../pipeline/events.ts";
import type { BuildRequest } from "../request.ts";

/** Where the project of a build comes from. */
export type JobSource =
  /** A bundle that was received; submitted, the file is the queue's, which moves it. */
  | { readonly kind: "bundle"; readonly file: string; readonly digest: Digest; readonly sizeBytes: number }
  /** A folder of the machine that builds. */
  | { readonly kind: "folder"; readonly path: string };

/** What is to be built. */
export type Job = {
  readonly source: JobSource;
  readonly request: BuildRequest;
  /** The same key is the same build; another job under a key that is known is a `conflict`. */
  readonly key?: string | undefined;
  /** Who has asked for it, as tokens are called. */
  readonly by?: string | undefined;
};

export type BuildState = "queued" | "running" | "done" | "failed" | "cancelled";

/** What a build has made; the file is beside its name in the queue's keeping. */
export type OutputFile = { readonly name: string; readonly sizeBytes: number; readonly digest: Digest };

/** What a build comes to. */
export type BuildOutputs = {
  readonly artifact: OutputFile;
  readonly manifest?: OutputFile | undefined;
};

/** What is known of a build. Times are milliseconds since 1970. */
export type BuildView = {
  readonly id: string;
  readonly state: BuildState;
  /** Of one that is queued: 1 is the next to run, 0 is about to. */
  readonly position?: number | undefined;
  readonly request: BuildRequest;
  readonly source: { readonly kind: JobSource["kind"]; readonly digest?: Digest; readonly path?: string };
  readonly by?: string | undefined;
  readonly createdMs: number;
  readonly startedMs?: number | undefined;
  readonly endedMs?: number | undefined;
  /** How often it was begun: more than once after the machine that ran it was lost. */
  readonly attempts: number;
  readonly error?: ErrorData | undefined;
  readonly outputs?: BuildOutputs | undefined;
};

/** What happens to a build: what it says itself, and what becomes of it. */
export type QueueEvent =
  | BuildEvent
  | { readonly type: "state"; readonly state: BuildState; readonly reason?: string; readonly error?: ErrorData };

/** An event and its place in the build's log: a number that grows, by which reading goes on behind it. */
export type LoggedEvent = { readonly id: number; readonly atMs: number; readonly event: QueueEvent };

/** What was submitted. */
export type Submitted = {
  readonly id: string;
  /** 0 when it runs at once. */
  readonly position: number;
  /** False when the key was known. */
  readonly isNew: boolean;
};

/** How full a queue is. */
export type QueueStatus = {
  readonly running: number;
  readonly queued: number;
  /** Builds at once, and how many may wait. */
  readonly jobs: number;
  readonly maxQueued: number;
};

/**
 * Builds that wait, run and have run. What an engine keeps outlives this process; what runs where is its own affair.
 * Methods throw a `Refusal` for what they will not do, and return undefined for a build that they do not know.
 */
export interface Queue {
  /** Takes a job over. Throws `queue-full`, `conflict` or `disk-full`; the bundle's file is the caller's to remove then. */
  submit(job: Job): Promise<Submitted>;
  /** Throws the `queue-full` that `submit` would, before a bundle comes for nothing. A key that is known needs no room. */
  assertRoom(job: Pick<Job, "key" | "by">): Promise<void>;
  get(id: string): Promise<BuildView | undefined>;
  /** All that are known, the newest first. */
  list(): Promise<readonly BuildView[]>;
  /** Ends a build in whichever state it is; resolves when nothing of it runs. One that has ended stays what it is. */
  cancel(id: string): Promise<BuildView | undefined>;
  /**
   * The events behind `after` (0: from the beginning) as they come, until the build has ended or the signal fires. They
   * are read where they are kept: a reader that is slow costs nothing.
   */
  events(id: string, after: number, signal: AbortSignal): AsyncIterable<LoggedEvent>;
  /** The path of what a build has made, to be read at once; undefined when there is no such thing. */
  output(id: string, what: keyof BuildOutputs): Promise<string | undefined>;
  status(): Promise<QueueStatus>;
  /** Takes up nothing more, and lets go of what runs so that it is taken up again. */
  close(): Promise<void>;
}

/** Whether a build will not change any more. */
export function hasEnded(state: BuildState): boolean {
  return state === "done" || state === "failed" || state === "cancelled";
}
