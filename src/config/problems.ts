import { basename } from "node:path";
import { FledgeError, type Problem } from "../lib/errors.ts";

/** One `config` error for all that was found; its message has every finding, and `problems` has them as data. */
export function configError(problems: readonly Problem[], cause?: unknown): FledgeError {
  const [only] = problems;
  if (problems.length === 1 && only !== undefined) {
    return new FledgeError("config", formatProblem({ ...only, hint: undefined }), { hint: only.hint, problems, cause });
  }
  const files = [...new Set(problems.map((problem) => problem.file).filter((file) => file !== undefined))];
  const where = files.length === 1 && files[0] !== undefined ? basename(files[0]) : "the configuration";
  const lines = problems.map((problem) => `\n  ${formatProblem(problem)}`);
  return new FledgeError("config", `${where} has ${problems.length} problems:${lines.join("")}`, { problems, cause });
}

/** `FILE:LINE:COLUMN: MESSAGE (HINT)`, as far as known. */
export function formatProblem(problem: { [K in keyof Problem]?: Problem[K] | undefined }): string {
  const { file, line, column, message, hint } = problem;
  const place = [file, line, column].filter((part) => part !== undefined).join(":");
  return `${place === "" ? "" : `${place}: `}${message}${hint === undefined ? "" : ` (${hint})`}`;
}
