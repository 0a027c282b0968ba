/** What went wrong, as one word; the exit code of the CLI follows from it. */
export type ErrorCode =
  | "usage" // a flag or an argument of the command line
  | "config" // fledge.config.*, fledge.toml, manifest.toml or a preset
  | "tool" // an external program or a kernel feature is missing
  | "privilege" // root is needed
  | "aborted" // SIGINT, SIGTERM or the caller's AbortSignal
  | "download"
  | "checksum"
  | "source"
  | "store"
  | "rootfs"
  | "image"
  | "verify"
  | "manifest"
  | "hook"
  | "stage"
  | "io"
  | "internal";

/** One finding among several that are reported together. Line and column count from 1. */
export type Problem = {
  readonly message: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  readonly hint?: string;
};

export type FledgeErrorOptions = {
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  readonly problems?: readonly Problem[];
  /** What a program has said, in lines; the message ends with it. */
  readonly output?: string | undefined;
};

// A config is loaded in a module namespace of its own and brings a second copy of this class: the brand
// is what both copies share, so that `isFledgeError` works across them.
const BRAND = Symbol.for("fledge.error");

/** Every failure that fledge foresees: what failed and why in `message`, what to do next in `hint`. */
export class FledgeError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly problems: readonly Problem[];
  readonly output: string | undefined;

  constructor(code: ErrorCode, message: string, options: FledgeErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "FledgeError";
    this.code = code;
    this.hint = options.hint;
    this.problems = options.problems ?? [];
    this.output = options.output;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** Whether something that was thrown is an error of fledge's, of whichever copy of the package. */
export function isFledgeError(value: unknown): value is FledgeError {
  return typeof value === "object" && value !== null && BRAND in value;
}

/** The same failure, with one more thing to do about it. */
export function withHint({ code, message, hint, problems, output, cause }: FledgeError, more: string): FledgeError {
  const both = hint === undefined ? more : `${hint}; ${more}`;
  return new FledgeError(code, message, { hint: both, problems, output, cause });
}

/** 0 done, 1 build failed, 2 bad usage or config, 3 a tool or privilege is missing, 130 interrupted. */
export function exitCodeOf(error: unknown): number {
  if (!isFledgeError(error)) return 1;
  switch (error.code) {
    case "usage":
    case "config":
      return 2;
    case "tool":
    case "privilege":
      return 3;
    case "aborted":
      return 130;
    default:
      return 1;
  }
}

/** The text of anything that was thrown, without a stack. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** An error as plain data, for events and JSON. */
export type ErrorData = {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly problems?: readonly Problem[];
};

export function errorData(error: unknown): ErrorData {
  if (!isFledgeError(error)) return { code: "internal", message: messageOf(error) };
  const { code, message, hint, problems } = error;
  return { code, message, ...(hint !== undefined && { hint }), ...(problems.length > 0 && { problems }) };
}

/** The errno name of a Node system error ("ENOENT"), if it is one. */
export function errnoOf(thrown: unknown): string | undefined {
  const code = (thrown as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}

/** Makes the compiler prove that a `switch` over a closed union is complete. */
export function assertNever(value: never): never {
  throw new FledgeError("internal", `unexpected value ${JSON.stringify(value)}`);
}

/** An error out of the user's code, with `who` it belongs to (`the source "x"`). An abort stays what it is. */
export function attributeError(error: unknown, who: string, code: ErrorCode): FledgeError {
  if (!isFledgeError(error)) return new FledgeError(code, `${who} failed: ${messageOf(error)}`, { cause: error });
  if (error.code === "aborted") return error;
  const { hint, problems } = error;
  // What a program says when it fails is called a stage's; the other codes say something that exit codes depend on.
  const kept = error.code === "stage" ? code : error.code;
  return new FledgeError(kept, `${who} failed: ${error.message}`, { hint, problems, cause: error });
}
