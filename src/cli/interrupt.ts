import { constants } from "node:os";
import { codeOwner } from "../lib/code-owner.ts";
import { exitCodeOf, FledgeError, isFledgeError, messageOf } from "../lib/errors.ts";
import { reasonOf } from "../lib/files/io-error.ts";
import { cyan, line, red, say } from "./terminal.ts";

/** Why a command has to stop before its end, and what it exits with. */
export class Interrupt extends FledgeError {
  readonly exitCode: number;
  /** There is nobody to tell. */
  readonly isSilent: boolean;
  /** Somebody asked for it; what had come to its end by then, or is meant to end so, has not failed. */
  readonly isSignal: boolean;
  /** It is stdout that nothing can be written to any more. */
  readonly isOutput: boolean;

  constructor(
    message: string,
    how: {
      exitCode: number;
      isSilent?: boolean;
      isSignal?: boolean;
      isOutput?: boolean;
      hint?: string | undefined;
      cause?: unknown;
    },
  ) {
    super("aborted", message, how);
    this.exitCode = how.exitCode;
    this.isSilent = how.isSilent ?? false;
    this.isSignal = how.isSignal ?? false;
    this.isOutput = how.isOutput ?? false;
  }
}

// There is one process, so one of these.
const controller = new AbortController();
let isAwaited = false;
let failureCode: 1 | 2 = 1;

/** Beyond this, a cleanup that hangs is given up when a second signal asks for it. */
const PATIENCE_MS = 3_000;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;

/**
 * For a command that cleans up behind itself: what stops it. That is a signal, the end of whoever reads its output, a
 * full disk behind it, or an error that nobody has caught. A second signal ends a cleanup that hangs, a third at once.
 */
export function onInterrupt(): AbortSignal {
  isAwaited = true;
  for (const name of SIGNALS) process.on(name, () => takeSignal(name));
  return controller.signal;
}

/** To be called once, before anything is printed. Whatever goes wrong outside of any call stops the command. */
export function watchProcess(): void {
  process.stdout.on("error", (error) => stop(brokenOutput(error)));
  process.stderr.on("error", () => {}); // There is no other place to say so.
  process.on("uncaughtException", (error) => {
    // The build that it comes from ends with it, and no other.
    if (codeOwner.getStore() !== undefined) return;
    const message = `an error that nobody has caught: ${messageOf(error)}`;
    const hint = "it comes from a config, a hook or a preset that does something of its own, or is a bug in fledge";
    stop(new Interrupt(message, { exitCode: failureCode, hint, cause: error }));
  });
}

/** What stopped the command, if something did. */
export function interruption(): Interrupt | undefined {
  const { reason } = controller.signal;
  return reason instanceof Interrupt ? reason : undefined;
}

/** From now on a failure exits with this: 2 for a command of which 1 is an answer. */
export function failWith(code: 1 | 2): void {
  failureCode = code;
}

/** Whether an exit code says what a command has found, and not that it failed. */
export function isAnswer(code: number): boolean {
  return code < failureCode;
}

/** As `exitCodeOf`, but for `failWith`; after a signal 128 and its number, as shells have it. */
export function exitCodeFor(error: unknown): number {
  const isAborted = isFledgeError(error) && error.code === "aborted";
  const code = (isAborted ? interruption()?.exitCode : undefined) ?? exitCodeOf(error);
  return code === 1 ? failureCode : code;
}

let signals = 0;

function takeSignal(name: (typeof SIGNALS)[number]): void {
  signals++;
  const exitCode = 128 + constants.signals[name];
  if (signals === 1) stop(new Interrupt("interrupted; nothing was left behind", { exitCode, isSignal: true }));
  // What runs in groups of its own is ended on the way out.
  if (signals > 2) process.exit(exitCode);
  if (signals > 1) setTimeout(() => process.exit(exitCode), PATIENCE_MS).unref();
}

function stop(interrupt: Interrupt): void {
  if (isAwaited) {
    controller.abort(interrupt);
    return;
  }
  if (!interrupt.isSilent)
    say([line`${red`error`} ${interrupt.message}`, line`  ${cyan`hint`} ${interrupt.hint ?? ""}`]);
  process.exit(interrupt.exitCode);
}

/** As a program that does not handle SIGPIPE: `fledge build --json | head -1` ends without a word. */
function brokenOutput(error: NodeJS.ErrnoException): Interrupt {
  if (error.code === "EPIPE" || error.code === "EIO" || error.code === "ECONNRESET") {
    return new Interrupt("nobody reads the output any more", {
      exitCode: 128 + constants.signals.SIGPIPE,
      isSilent: true,
    });
  }
  const hint = "free some space where the output goes";
  const message = `cannot write to stdout: ${reasonOf(error)}`;
  return new Interrupt(message, { exitCode: failureCode, isOutput: true, cause: error, hint });
}
