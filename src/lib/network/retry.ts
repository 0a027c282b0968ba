import { setTimeout as delay } from "node:timers/promises";
import { nowMs } from "../clock.ts";
import { abortedError } from "../context.ts";

/** The longest wait that a `Retry-After` may ask for; a server that wants more is given up on at once. */
export const LONGEST_WAIT_MS = 60_000;

const FIRST_DELAY_MS = 500;

/** 408, 429 and the 5xx that a second try can cure; 501 and 505 say that the request itself is not understood. */
export function isPassingStatus(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
}

/** 0.5 s, 1 s, 2 s ... before the second, third, fourth try. */
export function backoffMs(failedTries: number, firstDelayMs: number = FIRST_DELAY_MS): number {
  return firstDelayMs * 2 ** (failedTries - 1);
}

/** The wait of a `Retry-After` header: seconds or an HTTP date (RFC 9110, 10.2.3); undefined when it is neither. */
export function retryAfterMs(header: string | undefined, now: number = nowMs()): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

/** Waits; throws the `aborted` error as soon as the signal fires. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch {
    throw abortedError(signal);
  }
}
