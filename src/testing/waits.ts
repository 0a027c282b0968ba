import type { BootedGuest, BootReport } from "../boot/boot.ts";
import type { ConsolePlace } from "../boot/console.ts";
import type { Forward } from "../boot/contract.ts";
import { type Awaited, waitForGuest } from "../boot/wait.ts";
import { FledgeError } from "../lib/errors.ts";

type Within = { readonly within?: number | undefined };

type Request = RequestInit & Within & { readonly port?: number };

/** A server that takes a request and does not answer is asked again after that. */
const ANSWER_MS = 10_000;

const TAIL_LINES = 40;

/** All that a test can wait for. What is not there in time rejects with why, and the end of the console. */
export function waitsOf(guest: BootedGuest, timeoutMs: number, signal: AbortSignal) {
  let place: ConsolePlace = { line: 0, column: 0 };
  const until = async (what: string, { within = timeoutMs }: Within, ask: Pick<Awaited, "isReached" | "seen">) => {
    const failure = await waitForGuest(guest, { what, withinMs: within, signal, ...ask });
    if (failure === undefined) return;
    throw new FledgeError("stage", failure, { output: guest.console.tail(TAIL_LINES).join("\n") });
  };
  const port = async (guestPort: number, within: Within = {}): Promise<Forward> => {
    const forward = await guest.forward(guestPort);
    await until(`port ${guestPort}`, within, { isReached: () => guest.accepts(guestPort).catch(() => false) });
    return forward;
  };
  return {
    port,
    async line(pattern: RegExp, within: Within = {}): Promise<RegExpExecArray> {
      let match: RegExpExecArray | undefined;
      const isReached = (): boolean => {
        const { found, next = place } = guest.console.match(pattern, place) ?? {};
        match = found;
        place = next;
        return found !== undefined;
      };
      await until(`a line that matches ${pattern}`, within, { isReached });
      return match as RegExpExecArray; // it is set once the wait has ended
    },
    async answer(path: string, { within, port: guestPort = guest.httpPort, ...request }: Request = {}) {
      const { hostPort } = await guest.forward(guestPort);
      let response: Response | undefined;
      const isReached = async ({ leftMs }: { leftMs: number }): Promise<boolean> => {
        // QEMU takes a connection before the guest can, and keeps it waiting.
        if (!(await guest.accepts(guestPort).catch(() => false))) return false;
        const stops = [signal, AbortSignal.timeout(Math.min(leftMs, ANSWER_MS)), request.signal ?? signal];
        const url = `http://127.0.0.1:${hostPort}${path}`;
        response = await fetch(url, { ...request, signal: AbortSignal.any(stops) }).catch(() => undefined);
        return response !== undefined;
      };
      await until(`an answer at ${path} of port ${guestPort}`, { within }, { isReached });
      return response as Response;
    },
    async end(within: Within = {}): Promise<BootReport> {
      // One that panics ends a second later.
      const isReached = ({ report }: { report: BootReport | undefined }) =>
        report !== undefined || (guest.console.panic !== undefined && guest.ended.then(() => true));
      await until("its end", within, { isReached });
      return await guest.ended;
    },
    /** Of something that takes a while and can be stopped. */
    async result<T>(what: string, start: (stop: AbortSignal) => Promise<T>, within: Within): Promise<T> {
      const stop = new AbortController();
      let isDone = false;
      const running = start(AbortSignal.any([stop.signal, signal])).finally(() => {
        isDone = true;
      });
      running.catch(() => {}); // it is awaited below, unless the wait fails
      try {
        await until(what, within, { isReached: () => isDone });
        return await running;
      } finally {
        stop.abort();
      }
    },
  };
}
