import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { messageOf } from "../lib/errors.ts";
import type { BootedGuest } from "./boot.ts";
import type { Exit } from "./contract.ts";
import type { BootStep, BootTest } from "./options.ts";
import { type WaitableGuest, waitForGuest } from "./wait.ts";

/** What a test needs of a guest; a guest that only says something will do for one that waits for lines. */
export type TestableGuest = WaitableGuest & Pick<BootedGuest, "forwards" | "accepts">;

/** What was waited for, and when it was there, in milliseconds since the start. */
export type ReachedStep = { readonly what: string; readonly atMs: number };

export type TestOutcome = {
  readonly reached: readonly ReachedStep[];
  /** Why the test failed, if it did. */
  readonly failure?: string;
};

const DEFAULT_WITHIN_MS = 60_000;

/** Waits for one thing after the other. Only an abort throws. */
export async function checkGuest(
  guest: TestableGuest,
  { until, not = [] }: Pick<BootTest, "until" | "not">,
  { httpPort, signal }: { readonly httpPort: number; readonly signal: AbortSignal },
): Promise<TestOutcome> {
  const reached: ReachedStep[] = [];
  for (const step of [until].flat()) {
    const failure = await awaitStep(guest, step, { not, httpPort, signal });
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

function awaitStep(guest: TestableGuest, step: BootStep, { not, httpPort, signal }: StepContext) {
  const { console } = guest;
  const asker = "http" in step ? new Asker(guest, { ...step, port: step.port ?? httpPort }, signal) : undefined;
  return waitForGuest(guest, {
    ...{ what: describeStep(step), withinMs: step.withinMs ?? DEFAULT_WITHIN_MS, signal },
    unwanted() {
      for (const text of not) {
        const line = console.find((one) => one.includes(text));
        if (line !== undefined) return `the console has ${JSON.stringify(text)}, which must not appear: ${line}`;
      }
      return undefined;
    },
    isReached({ report, leftMs }) {
      if (asker !== undefined) return asker.answers(leftMs);
      if ("port" in step && step.port !== undefined) return guest.accepts(step.port).catch(() => false);
      return isSaid(console, step) || ("exit" in step && isEnd(step.exit, report?.exit));
    },
    seen: () => asker?.lastAnswer ?? "",
  });
}

function isSaid(console: TestableGuest["console"], step: BootStep): boolean {
  if ("line" in step) return console.find((line) => line.includes(step.line)) !== undefined;
  if (!("pattern" in step)) return false;
  const pattern = new RegExp(step.pattern);
  return console.find((line) => pattern.test(line)) !== undefined;
}

function isEnd(wanted: "poweroff" | "reboot" | "any", exit: Exit | undefined): boolean {
  return wanted === "any" ? exit === "poweroff" || exit === "reboot" : exit === wanted;
}

type Question = Omit<Extract<BootStep, { http: string }>, "port"> & { readonly port: number };

/** Asks a guest by HTTP, and keeps what it had to say last. */
class Asker {
  lastAnswer = NO_ANSWER;
  readonly #guest: TestableGuest;
  readonly #question: Question;
  readonly #signal: AbortSignal;

  constructor(guest: TestableGuest, question: Question, signal: AbortSignal) {
    this.#guest = guest;
    this.#question = question;
    this.#signal = signal;
  }

  async answers(leftMs: number): Promise<boolean> {
    const { port, http, status, contains = "" } = this.#question;
    // QEMU takes a connection before the guest can, and keeps it waiting.
    if (!(await this.#guest.accepts(port).catch(() => false))) return false;
    const hostPort = this.#guest.forwards.find((one) => one.guestPort === port)?.hostPort;
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(Math.min(leftMs, ANSWER_MS))]);
    try {
      const answer = await ask(new URL(`http://127.0.0.1:${hostPort}${http}`), signal);
      const began = JSON.stringify(answer.body.slice(0, 80));
      this.lastAnswer = `; the last answer had status ${answer.status} and began with ${began}`;
      const isStatus = status === undefined ? answer.status >= 200 && answer.status < 300 : answer.status === status;
      return isStatus && answer.body.includes(contains);
    } catch (error) {
      if (this.lastAnswer === NO_ANSWER)
        this.lastAnswer = `; a program takes connections there, but ${reasonOf(error)}`;
      return false;
    }
  }
}

/** As lenient as browsers are: scripts of CGI write line feeds alone. Redirects are answers. */
async function ask(url: URL, signal: AbortSignal): Promise<{ readonly status: number; readonly body: string }> {
  const asked = get(url, { signal, agent: false, insecureHTTPParser: true });
  asked.on("error", () => {}); // One that comes with the body is the body's too.
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, body: await text(answer) };
}

const NO_ANSWER = "; nothing takes connections there";

/** A server that takes a request and does not answer is asked again after that. */
const ANSWER_MS = 10_000;

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return messageOf(cause) || "no answer";
}
