import type { Disposer } from "./dispose.ts";
import { FledgeError, isFledgeError } from "./errors.ts";
import type { JsonValue } from "./json.ts";

/** Something that is worth knowing and stops nothing; `hint` says what to do about it, `from` whose hook or stage it is from. */
export type Warning = {
  readonly message: string;
  readonly hint?: string | undefined;
  readonly from?: string | undefined;
};

/** What code of the user's may answer with: at once, or later. */
export type Awaitable<T> = T | Promise<T>;

/** The environment as read once at the start; nothing below the CLI reads `process.env`. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Whether the network is not to be used. It is a variable, so that programs and code of the user's can know it too. */
export function isOffline({ FLEDGE_OFFLINE }: Env): boolean {
  return isSet(FLEDGE_OFFLINE);
}

/** Whether a variable that switches something on does so: `CI=0` and `CI=false` do not. */
export function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== "" && value !== "0" && value !== "false";
}

/** What every part of a build is handed: how to stop, where to cache, and where to say what is going on. */
export type RunContext = {
  readonly signal: AbortSignal;
  readonly env: Env;
  readonly cacheDir: string;
  readonly disposer: Disposer;
  /** Seconds since 1970: the mtime of all that fledge adds, and the ceiling of every other (SOURCE_DATE_EPOCH). */
  readonly epoch: Epoch;
  /** `doneBytes` of `totalBytes` (when known) of the running stage; `item` says what they are of. */
  progress(doneBytes: number, totalBytes?: number, item?: string): void;
  warn(warning: Warning): void;
  /** Adds to `BuildResult.facts`: a name of its own and a JSON value, copied. Throws a `config` error for anything else. */
  fact(name: string, value: JsonValue): void;
  /** A detail for `--verbose`. */
  log(message: string): void;
};

/** A context for work that is of no stage: nobody watches its progress, and it has no facts to tell. */
export function contextOutside(
  shared: Omit<RunContext, "progress" | "warn" | "fact" | "log">,
  { warn, log = () => {} }: Pick<RunContext, "warn"> & Partial<Pick<RunContext, "log">>,
): RunContext {
  return { ...shared, progress: () => {}, fact: () => {}, warn, log };
}

export type Epoch = { readonly stampSec: number; readonly ceilingSec: number | undefined };

/**
 * The rule of reproducible-builds.org: with SOURCE_DATE_EPOCH set, it stamps what the build adds and clamps all
 * other times; without it what fledge adds is stamped 0 and other times stay.
 */
export function epochFrom(env: Env): Epoch {
  const text = env.SOURCE_DATE_EPOCH;
  if (text === undefined || text === "") return { stampSec: 0, ceilingSec: undefined };
  if (!/^\d{1,11}$/.test(text)) {
    throw new FledgeError("usage", `SOURCE_DATE_EPOCH="${text}" is not a number of seconds since 1970`, {
      hint: "for instance SOURCE_DATE_EPOCH=$(git log -1 --pretty=%ct)",
    });
  }
  return { stampSec: Number(text), ceilingSec: Number(text) };
}

/** Throws the `aborted` error once the signal has fired; called between units of synchronous work. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortedError(signal);
}

export function abortedError(signal: AbortSignal): FledgeError {
  if (isFledgeError(signal.reason) && signal.reason.code === "aborted") return signal.reason;
  return new FledgeError("aborted", "the build was interrupted", { cause: signal.reason });
}

/** Ends with `running`, or as soon as the signal fires: code of the user's may wait for something that no signal ends. */
export async function untilAborted<T>(running: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(abortedError(signal));
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
  });
  return await Promise.race([running, aborted]).finally(() => signal.removeEventListener("abort", stop));
}
