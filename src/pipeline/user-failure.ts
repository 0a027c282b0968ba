import { placeInUserCode } from "../config/user-error.ts";
import { FledgeError, isFledgeError, messageOf } from "../lib/errors.ts";

/** The error of a hook or stage of the user's: whose it is, and the line of the user's code that it came from. */
export function userFailure(error: unknown, code: "hook" | "stage", who: string): FledgeError {
  const own = isFledgeError(error) ? { hint: error.hint, problems: error.problems } : { problems: [] };
  const place = placeInUserCode(error);
  const here = place === undefined ? [] : [{ ...place, message: "is where it failed" }];
  return new FledgeError(code, `${who} failed: ${messageOf(error)}`, {
    ...own,
    problems: [...here, ...own.problems],
    cause: error,
  });
}
