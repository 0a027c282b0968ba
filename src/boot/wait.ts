import { setTimeout as sleep } from "node:timers/promises";
import { abortedError } from "../lib/context.ts";
import type { BootedGuest, BootReport } from "./boot.ts";

/** What is needed of a guest that is waited for; one that only says something will do. */
export type WaitableGuest = Pick<BootedGuest, "console" | "ended" | "elapsedMs" | "accelerator" | "silenceCauses">;

/** Something that a guest is waited for, and how it is asked whether it is there. */
export type Awaited = {
  /** In a few words. */
  readonly what: string;
  /** Budget in milliseconds, times five where the guest is emulated. */
  readonly withinMs: number;
  readonly signal: AbortSignal;
  /** `report` is there once the guest has ended; `leftMs` is what is left of the budget. */
  isReached(state: { readonly report: BootReport | undefined; readonly leftMs: number }): Promise<boolean> | boolean;
  /** Why the wait has failed already. */
  unwanted?(): string | undefined;
  /** What was seen instead, to be put behind the failure. */
  seen?(): string;
};

/** An emulated processor is slower by more, and yet a guest that hangs should not be waited for too long. */
const EMULATION_FACTOR = 5;

const POLL_MS = 100;

/** Asks until it is there; returns the failure if it is not: late, a panic, or the guest's end. Only an abort throws. */
export async function waitForGuest(guest: WaitableGuest, awaited: Awaited): Promise<string | undefined> {
  const { signal, unwanted = () => undefined } = awaited;
  const withinMs = awaited.withinMs * (guest.accelerator === "tcg" ? EMULATION_FACTOR : 1);
  const lateAtMs = guest.elapsedMs() + withinMs;
  let report: BootReport | undefined;
  void guest.ended.then((ended) => {
    report = ended;
  });
  for (;;) {
    if (signal.aborted) throw abortedError(signal);
    await Promise.resolve(); // an end that is known already is heard of
    // A report that comes while the guest is asked does not hide what it has answered.
    const before = report;
    const failure = unwanted();
    if (failure !== undefined) return failure;
    const leftMs = Math.max(1, Math.ceil(lateAtMs - guest.elapsedMs()));
    if (await awaited.isReached({ report: before, leftMs })) return unwanted();
    if (before !== undefined || guest.console.panic !== undefined) return endedFailure(guest, awaited, before);
    if (guest.elapsedMs() >= lateAtMs) return lateFailure(guest, awaited, withinMs);
    await sleep(POLL_MS);
  }
}

function endedFailure(guest: WaitableGuest, { what, seen }: Awaited, report: BootReport | undefined): string {
  const { console } = guest;
  if (console.panic !== undefined) return `${console.panic}; ${what} was waited for`;
  const { exit, problem, workloadStatus } = report ?? { exit: "stopped" };
  const status = workloadStatus === undefined ? "" : `, after its workload had ended with status ${workloadStatus}`;
  const why = problem === undefined ? "" : `: ${problem}`;
  return `the guest ended (${exit}${status}) before ${what} was there${silenceOf(guest) || (seen?.() ?? "")}${why}`;
}

function silenceOf({ console, silenceCauses }: WaitableGuest): string {
  return console.isSilent ? `; the guest has said nothing at all: ${silenceCauses.join("; or ")}` : "";
}

function lateFailure(guest: WaitableGuest, { what, seen }: Awaited, withinMs: number): string {
  const { accelerator } = guest;
  const budget = accelerator === "tcg" ? `${withinMs} ms (times ${EMULATION_FACTOR}, emulated)` : `${withinMs} ms`;
  return `${what} was not there within ${budget}${seen?.() ?? ""}${silenceOf(guest)}`;
}
