import { setTimeout as sleep } from "node:timers/promises";
import { abortedError } from "./context.ts";

/** Waits; throws the `aborted` error as soon as the signal fires. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {
    throw abortedError(signal);
  });
}
