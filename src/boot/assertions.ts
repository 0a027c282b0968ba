import { setTimeout as sleep } from "node:timers/promises";
import { abortedError } from "../lib/context.ts";
import { messageOf } from "../lib/errors.ts";
import type { BootedGuest, BootReport } from "./boot.ts";
import type { BootStep, BootTest } from "./options.ts";

/** What a test needs of a guest; a guest that only says something will do for one that waits for lines. */
export type TestableGuest = Pick<
  BootedGuest,
  "console" | "forwards" | "accepts" | "ended" | "elapsedMs" | "accelerator" | "silenceCauses"
>;

/** What was waited for, and when it was there, in milliseconds since the start. */
export type ReachedStep = { readonly what: string; readonly atMs: number };

export type TestOutcome = {
  readonly reached: readonly ReachedStep[];
  /** Why the test failed, if it did. */
  readonly failure?: string;
};

const DEFAULT_WITHIN_MS = 60_000;

/** An emulated processor is slower by more, and yet a guest that hangs should not be waited for too long. */
const EMULATION_FACTOR = 5;

/** Waits for one thing after the other. Only an abort throws. */
export async function checkGuest(
  guest: TestableGuest,
  { until, not = [] }: Pick<BootTest, "until" | "not">,
  { httpPort, signal }: { readonly httpPort: number; readonly signal: AbortSignal },
): Promise<TestOutcome> {
  const reached: ReachedStep[] = [];
  for (const step of [until].flat()) {
    const failure = await new StepWait(guest, step, { not, httpPort, signal }).run();
    if (failure !== undefined) return { reached, failure };
    reached.push({ what: describeStep(step), atMs: guest.elapsedMs() });
  }
  return { reached };
}

/** What a step waits for, in a few words. */
export function describeStep(step: BootStep): string {
  if ("line" in step) return `the line ${JSON.stringify(step.line)}`;
  if ("pattern" in step) return `a line that matches /${step.pattern}/`;
  if ("http" in step) {
    const status = step.status === undefined ? "" : ` with status ${step.status}`;
    const body = step.contains === undefined ? "" : ` with ${JSON.stringify(step.contains)} in it`;
    return `an answer at ${step.http}${status}${body}`;
  }
  if ("port" in step) return `port ${step.port}`;
  return step.exit === "any" ? "its end" : `its end by ${step.exit}`;
}

/** The ports of the guest that the steps of a test ask at. */
export function portsOf({ until }: Pick<BootTest, "until">, httpPort: number): number[] {
  const ports = [until].flat().flatMap((step) => {
    if ("http" in step) return step.port ?? httpPort;
    return "port" in step ? step.port : [];
  });
  return [...new Set(ports)];
}

type StepContext = { readonly not: readonly string[]; readonly httpPort: number; readonly signal: AbortSignal };

/** One step: what it asks, over and over, and what ends the wait. */
class StepWait {
  readonly #guest: TestableGuest;
  readonly #step: BootStep;
  readonly #context: StepContext;
  readonly #withinMs: number;
  readonly #lateAtMs: number;
  #lastAnswer = "";
  #report: BootReport | undefined;

  constructor(guest: TestableGuest, step: BootStep, context: StepContext) {
    this.#guest = guest;
    this.#step = step;
    this.#context = context;
    const factor = guest.accelerator === "tcg" ? EMULATION_FACTOR : 1;
    this.#withinMs = (step.withinMs ?? DEFAULT_WITHIN_MS) * factor;
    this.#lateAtMs = guest.elapsedMs() + this.#withinMs;
  }

  /** The failure, or undefined once the step is reached. */
  async run(): Promise<string | undefined> {
    void this.#guest.ended.then((report) => {
      this.#report = report;
    });
    for (;;) {
      if (this.#context.signal.aborted) throw abortedError(this.#context.signal);
      await Promise.resolve(); // an end that is known already is heard of
      // A report that comes while the guest is asked does not hide what it has answered.
      const wasOver = this.#report !== undefined;
      const unwanted = this.#unwanted();
      if (unwanted !== undefined) return unwanted;
      if (await this.#isReached()) return this.#unwanted();
      if (wasOver || this.#guest.console.panic !== undefined) return this.#ended();
      if (this.#guest.elapsedMs() >= this.#lateAtMs) return this.#late();
      await sleep(POLL_MS);
    }
  }

  #unwanted(): string | undefined {
    const { console } = this.#guest;
    for (const text of this.#context.not) {
      const line = console.find((one) => one.includes(text));
      if (line !== undefined) return `the console has ${JSON.stringify(text)}, which must not appear: ${line}`;
    }
    return undefined;
  }

  async #isReached(): Promise<boolean> {
    const { console } = this.#guest;
    const step = this.#step;
    if ("line" in step) return console.find((line) => line.includes(step.line)) !== undefined;
    if ("pattern" in step) {
      const pattern = new RegExp(step.pattern);
      return console.find((line) => pattern.test(line)) !== undefined;
    }
    if ("http" in step) {
      this.#lastAnswer ||= NO_ANSWER;
      return await this.#answers(step);
    }
    if ("port" in step) return await this.#guest.accepts(step.port).catch(() => false);
    const exit = this.#report?.exit;
    return step.exit === "any" ? exit === "poweroff" || exit === "reboot" : exit === step.exit;
  }

  async #answers(step: Extract<BootStep, { http: string }>): Promise<boolean> {
    const guestPort = step.port ?? this.#context.httpPort;
    // QEMU takes a connection before the guest can, and keeps it waiting.
    if (!(await this.#guest.accepts(guestPort).catch(() => false))) return false;
    const hostPort = this.#guest.forwards.find((one) => one.guestPort === guestPort)?.hostPort;
    const leftMs = Math.max(1, this.#lateAtMs - this.#guest.elapsedMs());
    const signal = AbortSignal.any([this.#context.signal, AbortSignal.timeout(Math.ceil(Math.min(leftMs, ANSWER_MS)))]);
    try {
      const answer = await fetch(`http://127.0.0.1:${hostPort}${step.http}`, { signal, redirect: "manual" });
      const body = await answer.text();
      this.#lastAnswer = `; the last answer had status ${answer.status} and began with ${JSON.stringify(body.slice(0, 80))}`;
      const isStatus = step.status === undefined ? answer.ok : answer.status === step.status;
      return isStatus && body.includes(step.contains ?? "");
    } catch (error) {
      if (this.#lastAnswer === NO_ANSWER)
        this.#lastAnswer = `; a program takes connections there, but ${reasonOf(error)}`;
      return false;
    }
  }

  #ended(): string {
    const what = describeStep(this.#step);
    const { panic } = this.#guest.console;
    if (panic !== undefined) return `${panic}; ${what} was waited for`;
    const { exit, problem, workloadStatus } = this.#report ?? { exit: "stopped" };
    const status = workloadStatus === undefined ? "" : `, after its workload had ended with status ${workloadStatus}`;
    const why = problem === undefined ? "" : `: ${problem}`;
    return `the guest ended (${exit}${status}) before ${what} was there${this.#lastAnswer}${why}`;
  }

  #late(): string {
    const { console, accelerator, silenceCauses } = this.#guest;
    const budget =
      accelerator === "tcg" ? `${this.#withinMs} ms (times ${EMULATION_FACTOR}, emulated)` : `${this.#withinMs} ms`;
    const silent = console.isSilent ? `; the guest has said nothing at all: ${silenceCauses.join("; or ")}` : "";
    return `${describeStep(this.#step)} was not there within ${budget}${this.#lastAnswer}${silent}`;
  }
}

const NO_ANSWER = "; nothing takes connections there";

const POLL_MS = 100;

/** A server that takes a request and does not answer is asked again after that. */
const ANSWER_MS = 10_000;

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return messageOf(cause) || "no answer";
}
