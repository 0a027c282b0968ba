import { errorData, isFledgeError, messageOf, type Problem } from "../../lib/errors.ts";
import { Interrupt } from "../interrupt.ts";
import { bold, cyan, gray, line, printJson, red, type Shown, say, shown } from "../terminal.ts";
import { inSources } from "./stack.ts";

export type ErrorOptions = {
  readonly verbose: boolean;
  /** Whose error it is, where there are several. */
  readonly plugin?: string | undefined;
};

/** Says what went wrong: to a person on stderr, or to a program on stdout, in one stream with the events. */
export function reportError(error: unknown, { json, ...options }: ErrorOptions & { readonly json: boolean }): void {
  const { plugin } = options;
  if (error instanceof Interrupt && error.isSilent) return;
  // Where stdout is what failed, the reader of stderr is the only one left.
  const isUnwritable = error instanceof Interrupt && error.isOutput;
  if (json && !isUnwritable) printJson({ type: "error", ...(plugin && { plugin }), ...errorData(error) });
  else say(errorLines(error, options));
}

/** What went wrong, why, and what to do next. A stack is shown for a bug of fledge's only, and on request. */
export function errorLines(error: unknown, { verbose, plugin }: ErrorOptions): Shown[] {
  const [message, ...output] = messageLines(error);
  const lines = [line`${red`error`} ${plugin === undefined ? "" : line`${bold`${plugin}`}: `}${message ?? ""}`];
  for (const text of output) lines.push(shown(text));
  if (isFledgeError(error)) {
    for (const problem of error.problems) lines.push(...problemLines(problem));
    if (error.hint !== undefined) lines.push(line`  ${cyan`hint`} ${error.hint}`);
  } else {
    lines.push(line`  ${cyan`hint`} this is a bug in fledge; please report it with the output of --verbose`);
  }
  if (verbose) lines.push(...causeLines(error));
  return lines;
}

/** One finding: `file:line:column  message`, its hint below. */
export function problemLines({ file, line: row, column, message, hint }: Problem): Shown[] {
  const position = [file, row, column].filter((part) => part !== undefined).join(":");
  const lines = [line`  ${position === "" ? "" : line`${bold`${position}`}  `}${message}`];
  if (hint !== undefined) lines.push(line`    ${cyan`hint`} ${hint}`);
  return lines;
}

/** What a program has said keeps its lines; a line break anywhere else may come from the name of a file. */
function messageLines(error: unknown): string[] {
  const message = messageOf(error);
  const output = isFledgeError(error) ? error.output : undefined;
  if (output === undefined || !message.endsWith(output)) return [message];
  const [first = "", ...rest] = output.split("\n");
  const head = message.slice(0, -output.length);
  return head.endsWith("\n") ? [head.slice(0, -1), first, ...rest] : [head + first, ...rest];
}

function causeLines(error: unknown): Shown[] {
  const lines: Shown[] = [];
  if (!isFledgeError(error) && error instanceof Error && error.stack !== undefined)
    lines.push(...stackLines(error.stack));
  for (let cause = causeOf(error); cause !== undefined; cause = causeOf(cause)) {
    lines.push(...stackLines(`  caused by ${(cause instanceof Error && cause.stack) || messageOf(cause)}`));
  }
  return lines;
}

function stackLines(stack: string): Shown[] {
  return inSources(stack)
    .split("\n")
    .map((text) => gray`${text}`);
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
