import type { BuildOutputs, BuildView, QueueEvent } from "./contract.ts";
import type { BuildRecord, Places } from "./keeping.ts";

/** One build, as whoever does it is given it. */
export type Task = {
  readonly id: string;
  readonly record: BuildRecord;
  readonly places: Places;
  readonly signal: AbortSignal;
  /** Throws when it cannot be written down, which ends the build. */
  readonly onEvent: (event: QueueEvent) => void;
};

export type EmbeddedOptions = {
  /** Holds a folder for each build. One queue at a time may have it. */
  readonly folder: string;
  /** Builds at once. */
  readonly jobs: number;
  /** Builds that may wait. */
  readonly maxQueued: number;
  /** What a build may take. */
  readonly timeoutMs: number;
  /** Builds that have ended and are kept: so many, and so long. */
  readonly keep: { readonly count: number; readonly ageMs: number };
  /** Does a build; it resolves or rejects when nothing of it runs. Where its output is, is in `places.out`. */
  readonly work: (task: Task) => Promise<BuildOutputs>;
  /** Ends what an earlier process has left running of a build. */
  readonly endLeftovers?: (id: string) => void;
  /** Told of each change of a build's state. */
  readonly onState?: (view: BuildView) => void;
  readonly warn: (message: string) => void;
};
