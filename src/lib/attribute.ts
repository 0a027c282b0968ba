import { type ErrorCode, FledgeError, isFledgeError, messageOf } from "./errors.ts";
import type { Requirement } from "./requirements.ts";

/** An error out of the user's code, with `who` it belongs to (`the source "x"`). An abort stays what it is. */
export function attributeError(error: unknown, who: string, code: ErrorCode): FledgeError {
  if (!isFledgeError(error)) return new FledgeError(code, `${who} failed: ${messageOf(error)}`, { cause: error });
  if (error.code === "aborted") return error;
  const { hint, problems } = error;
  // What a program says when it fails is called a stage's; the other codes say something that exit codes depend on.
  const kept = error.code === "stage" ? code : error.code;
  return new FledgeError(kept, `${who} failed: ${error.message}`, { hint, problems, cause: error });
}

/** The same requirements, each with whose they are in its reason. */
export function attributeRequirements(requirements: readonly Requirement[], who: string): Requirement[] {
  return requirements.map((requirement) => {
    if (requirement.kind !== "tool") return { ...requirement, reason: `${requirement.reason} (${who})` };
    const [first, ...rest] = requirement.anyOf;
    return { kind: "tool", anyOf: [{ ...first, reason: `${first.reason} (${who})` }, ...rest] };
  });
}
