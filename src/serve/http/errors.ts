import { errorData, isFledgeError } from "../../lib/errors.ts";
import { diskError } from "../queue/index.ts";
import { Refusal } from "../refusal.ts";
import type { Ctx } from "./context.ts";

/** An error as it is answered: fledge's words, a status, and nothing of where in the code it came from. */
export function errorResponse(thrown: unknown, c: Ctx): Response {
  const error = diskError(thrown);
  if (error instanceof Refusal) {
    const { reason, status, retryAfterSec, position } = error;
    if (retryAfterSec !== undefined) c.header("Retry-After", String(retryAfterSec));
    if (status === 401) c.header("WWW-Authenticate", 'Bearer realm="fledge"');
    const data = { ...errorData(error), code: reason, ...(position !== undefined && { position }) };
    return c.json({ error: data }, status as 400);
  }
  return c.json({ error: errorData(error) }, statusOf(error) as 500);
}

function statusOf(error: unknown): number {
  if (!isFledgeError(error)) return 500;
  switch (error.code) {
    case "usage":
    case "config":
      return 400;
    case "source":
      return 422;
    default:
      return 500;
  }
}
