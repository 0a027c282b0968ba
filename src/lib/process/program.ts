import type { Env } from "../context.ts";
import { FledgeError } from "../errors.ts";
import { pipeThrough } from "./exec.ts";
import { findOnPath, requireTool, type Tool } from "./tools.ts";

/** How `runProgram` runs a program. */
export type ProgramOptions = {
  /** Stops the program. */
  readonly signal: AbortSignal;
  /** The program's environment, and the PATH on which it is looked for. */
  readonly env: Env;
  /** The folder that it runs in; default the working folder. */
  readonly cwd?: string;
  /** What it reads from its stdin; nothing unless given. */
  readonly input?: AsyncIterable<Uint8Array>;
};

/**
 * Runs a program (no shell) and yields what it writes to stdout while it runs; the context of a source or an imager is
 * all the options that it needs. The end of the output means that it succeeded: otherwise this throws a `stage` error
 * with the end of its stderr, or a `tool` error where it is not there. Whoever stops reading early stops the program.
 */
export async function* runProgram(
  program: Tool | string,
  argv: readonly string[],
  { signal, env, cwd, input = nothing() }: ProgramOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const path = typeof program === "string" ? locate(program, env) : requireTool(program, env);
  yield* pipeThrough(path, argv, input, { signal, env, ...(cwd !== undefined && { cwd }) });
}

function locate(program: string, env: Env): string {
  const path = program.includes("/") ? program : findOnPath(program, env);
  if (path !== undefined) return path;
  throw new FledgeError("tool", `${program} not found on PATH`, {
    hint: "install it; a program that requirements() lists is looked for before any work starts",
  });
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {}
