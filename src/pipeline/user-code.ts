import { codeOwner } from "../lib/code-owner.ts";
import type { Awaitable } from "../lib/context.ts";
import { abortedError, throwIfAborted } from "../lib/context.ts";
import { FledgeError, isFledgeError } from "../lib/errors.ts";
import { type Owner, strayFailure, userFailure } from "./user-failure.ts";

/** One run of a hook or stage. What it was lent works until `isOver`. */
export type Call = { readonly owner: Owner; readonly guard: BuildGuard; isOver: boolean };

/**
 * Ends one build when code of the user's fails where nobody waits for it: a promise without `await`, a timer, an event.
 * What comes after the end of a build is a warning.
 */
export class BuildGuard {
  /** Fires with the build's own signal, and when the guard ends the build. */
  readonly signal: AbortSignal;
  /** Why the guard has ended the build. */
  failure: unknown;
  readonly #controller = new AbortController();
  readonly #warnLate: (error: FledgeError) => void;
  #isOver = false;

  constructor(signal: AbortSignal, warnLate: (error: FledgeError) => void) {
    this.signal = AbortSignal.any([signal, this.#controller.signal]);
    this.#warnLate = warnLate;
    builds.add(this);
  }

  /** What a build that was stopped says of it; what its own work fails with then is but a consequence. */
  fail(error: unknown): void {
    if (this.signal.aborted) return;
    if (this.#isOver) {
      if (isFledgeError(error)) this.#warnLate(error);
      return;
    }
    this.failure = error;
    this.#controller.abort(error);
  }

  /** The error that a build ends with, when `error` ended it. */
  causeOf(error: unknown): unknown {
    if (this.failure !== undefined) return this.failure;
    return this.signal.aborted ? abortedError(this.signal) : error;
  }

  /** The build has come to its end, whatever that is. */
  end(): void {
    this.#isOver = true;
    builds.delete(this);
  }
}

const running = new Set<Call>();
const builds = new Set<BuildGuard>();

/**
 * Runs code of the user's, and knows from then on what it has started. What it throws names it; what fails in it where
 * nobody waits ends the build.
 */
export async function runUserCode<T>(owner: Owner, guard: BuildGuard, body: (call: Call) => Awaitable<T>): Promise<T> {
  listen();
  const call: Call = { owner, guard, isOver: false };
  const isEnding = guard.signal.aborted;
  running.add(call);
  try {
    const result = await codeOwner.run(call, async () => await body(call));
    call.isOver = true;
    // Node tells of a rejection that nobody waits for once all that is settled by now has been seen to.
    await new Promise(setImmediate);
    if (!isEnding) throwIfAborted(guard.signal);
    return result;
  } catch (error) {
    if (isFledgeError(error) && (error.code === "aborted" || !isHookOrStage(owner))) throw error;
    throw userFailure(error, owner);
  } finally {
    call.isOver = true;
    running.delete(call);
  }
}

/** Sources and imagers name themselves in what they throw. */
function isHookOrStage({ code }: Owner): boolean {
  return code === "hook" || code === "stage";
}

let isListening = false;

function listen(): void {
  if (isListening) return;
  isListening = true;
  process.on("unhandledRejection", onRejection);
  process.on("uncaughtException", onException);
  process.on("beforeExit", onStandstill);
}

function onRejection(error: unknown): void {
  if (blame(error, "rejection") || process.listenerCount("unhandledRejection") > 1) return;
  // As without a listener, it is an uncaught exception.
  throw error;
}

function onException(error: unknown): void {
  if (blame(error, "exception") || process.listenerCount("uncaughtException") > 1) return;
  // It could be any build's, so each that runs ends with it and cleans up.
  const concerned = [...builds];
  for (const guard of concerned) guard.fail(error);
  if (concerned.length > 0) return;
  process.off("uncaughtException", onException);
  process.nextTick(() => {
    throw error;
  });
}

/** Ends the build whose code an error comes from; false when it is no code of the user's. */
function blame(error: unknown, kind: "rejection" | "exception"): boolean {
  const call = codeOwner.getStore() as Call | undefined;
  call?.guard.fail(strayFailure(error, call.owner, kind));
  return call !== undefined;
}

/** Nothing is left that could go on, so what is being waited for will not come. */
function onStandstill(): void {
  for (const { owner, guard } of running) {
    guard.fail(
      new FledgeError(
        owner.code,
        `${owner.who} never ends: nothing is left that could settle the promise it returned`,
        {
          hint: "look for a promise whose resolve() is never called, or an event that does not come",
        },
      ),
    );
  }
}
