import { colors } from "consola/utils";
import { errorData, isFledgeError, messageOf, type Problem } from "../../lib/errors.ts";

export type ErrorOptions = {
  readonly json: boolean;
  readonly verbose: boolean;
  /** Whose error it is, where there are several. */
  readonly plugin?: string | undefined;
};

/** What went wrong, why, and what to do next. A stack is shown for a bug of fledge's only, and on request. */
export function renderError(error: unknown, { json, verbose, plugin }: ErrorOptions): string {
  if (json) return `${JSON.stringify({ type: "error", ...(plugin && { plugin }), ...errorData(error) })}\n`;
  const lines = [`${colors.red("error")} ${plugin === undefined ? "" : `${colors.bold(plugin)}: `}${messageOf(error)}`];
  if (isFledgeError(error)) {
    for (const problem of error.problems) lines.push(...problemLines(problem));
    if (error.hint !== undefined) lines.push(`  ${colors.cyan("hint")} ${error.hint}`);
  } else {
    lines.push(`  ${colors.cyan("hint")} this is a bug in fledge; please report it with the output of --verbose`);
  }
  if (verbose) lines.push(...causeLines(error));
  return `${lines.join("\n")}\n`;
}

/** One finding: `file:line:column  message`, its hint below. */
export function problemLines({ file, line, column, message, hint }: Problem): string[] {
  const position = [file, line, column].filter((part) => part !== undefined).join(":");
  const lines = [`  ${position === "" ? "" : `${colors.bold(position)}  `}${message}`];
  if (hint !== undefined) lines.push(`    ${colors.cyan("hint")} ${hint}`);
  return lines;
}

function causeLines(error: unknown): string[] {
  const lines: string[] = [];
  if (!isFledgeError(error) && error instanceof Error && error.stack !== undefined)
    lines.push(colors.gray(error.stack));
  for (let cause = causeOf(error); cause !== undefined; cause = causeOf(cause)) {
    lines.push(colors.gray(`  caused by ${(cause instanceof Error && cause.stack) || messageOf(cause)}`));
  }
  return lines;
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
