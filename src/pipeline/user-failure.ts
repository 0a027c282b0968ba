import { placeInUserCode } from "../config/modules/user-error.ts";
import { type ErrorCode, FledgeError, isFledgeError, messageOf, withHint } from "../lib/errors.ts";

/** Whose code runs: `hook "rootfs:ready" of /p/fledge.config.ts`, and the code of the errors that it causes. */
export type Owner = { readonly who: string; readonly code: Extract<ErrorCode, "hook" | "stage" | "source" | "image"> };

/** The error of a hook or stage of the user's: whose it is, and the line of the user's code that it came from. */
export function userFailure(error: unknown, { who, code }: Owner): FledgeError {
  const own = isFledgeError(error) ? { hint: error.hint, problems: error.problems } : { problems: [] };
  return new FledgeError(code, `${who} failed: ${messageOf(error)}`, {
    ...own,
    problems: [...placeOf(error, "is where it failed"), ...own.problems],
    cause: error,
  });
}

const STRAY_HINTS = {
  rejection: "await the promise that it comes from, or return it",
  exception: "it was thrown in a timer or an event: catch it there, or await a promise that it rejects",
} as const;

/** An error of the user's code that nobody waited for. */
export function strayFailure(error: unknown, owner: Owner, kind: keyof typeof STRAY_HINTS): FledgeError {
  if (isFledgeError(error) && LATE.has(error)) return error;
  return withHint(userFailure(error, owner), STRAY_HINTS[kind]);
}

const LATE = new WeakSet<object>();

/** That a hook or stage went on after it had returned, and used what it had been lent. */
export function lateUse(what: string, { who, code }: Owner): FledgeError {
  const bare = new FledgeError(code, `${who} went on after it had returned: it used ${what}`);
  const error = new FledgeError(code, bare.message, {
    hint: "await what it starts, or return its promise: what it is handed works only until then",
    problems: placeOf(bare, "is where it did"),
  });
  LATE.add(error);
  return error;
}

function placeOf(error: unknown, message: string) {
  const place = placeInUserCode(error);
  return place === undefined ? [] : [{ ...place, message }];
}
