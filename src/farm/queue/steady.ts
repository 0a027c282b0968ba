import { setTimeout as delay } from "node:timers/promises";
import { errnoOf, messageOf } from "../../lib/errors.ts";

/** A server that is restarted is back by then. */
const PATIENCE_MS = 60_000;
const PAUSE_MS = 500;

// PostgreSQL's "admin shutdown", "crash shutdown" and "cannot connect now", and its own while it starts.
const CODES = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "57P01", "57P02", "57P03", "08006"]);

/** Asks again while the server is away, as ioredis does by itself. */
export async function steadily<T>(ask: () => Promise<T>): Promise<T> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isAway(error) || performance.now() > end) throw error;
      await delay(PAUSE_MS);
    }
  }
}

function isAway(error: unknown): boolean {
  const code = errnoOf(error);
  if (code !== undefined) return CODES.has(code);
  return /connection terminated|connection timeout|not queryable|connection error/i.test(messageOf(error));
}
