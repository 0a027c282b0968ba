import { relative } from "node:path";
import { expect } from "vitest";
import { isFledgeError } from "../../../src/lib/errors.ts";

/** The problems of the `config` error that this rejects with, one line each: `FILE:LINE:COLUMN: MESSAGE (HINT)`. */
export async function problemsOf(loading: Promise<unknown>, folder: string): Promise<string[]> {
  const error = await loading.then(
    () => expect.unreachable("it loaded"),
    (thrown: unknown) => thrown,
  );
  if (!isFledgeError(error)) throw error;
  expect(error.code).toBe("config");
  if (error.problems.length === 0) return [lineOf({ message: error.message, hint: error.hint }, folder)];
  return error.problems.map((problem) => lineOf(problem, folder));
}

function lineOf(
  problem: { message: string; file?: string; line?: number; column?: number; hint?: string | undefined },
  folder: string,
): string {
  const file = problem.file === undefined ? undefined : relative(folder, problem.file);
  const place = [file, problem.line, problem.column].filter((part) => part !== undefined).join(":");
  const text = `${place === "" ? "" : `${place}: `}${problem.message}${problem.hint ? ` (${problem.hint})` : ""}`;
  return text.replaceAll(`${folder}/`, "");
}
