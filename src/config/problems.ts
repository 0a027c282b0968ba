import { basename } from "node:path";
import { FledgeError, type Problem } from "../lib/errors.ts";

/** One `config` error for all that was found: the message counts, `problems` has each with its file, line and column. */
export function configError(problems: readonly Problem[], cause?: unknown): FledgeError {
  const files = [...new Set(problems.map((problem) => problem.file).filter((file) => file !== undefined))];
  const where = files.length === 1 && files[0] !== undefined ? basename(files[0]) : "the configuration";
  const count = problems.length === 1 ? "a problem" : `${problems.length} problems`;
  return new FledgeError("config", `${where} has ${count}`, { problems, cause });
}
