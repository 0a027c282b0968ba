import { Readable } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { abortedError, type Env, throwIfAborted } from "../context.ts";
import { FledgeError, isFledgeError } from "../errors.ts";

export type ExecOptions = { readonly signal: AbortSignal; readonly env: Env; readonly cwd?: string };

/** With the first program: most commands run none, and it takes as long to load as all that they need. */
const loadExeca = async () => (await import("execa")).execa;

/** The input of a program that takes none. */
export const NOTHING: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => NO_CHUNKS };

const NO_CHUNKS: AsyncIterator<Uint8Array> = { next: async () => ({ done: true, value: undefined }) };

/** How much of a failing tool's stderr goes into the error. */
const STDERR_TAIL_BYTES = 4096;

/**
 * Streams `input` through a program and yields its stdout. The end of the output means that the program succeeded:
 * a non-zero exit, a signal or an abort throws, with the tail of its stderr in the error.
 */
export async function* pipeThrough(
  path: string,
  argv: readonly string[],
  input: AsyncIterable<Uint8Array>,
  { signal, env, cwd }: ExecOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const execa = await loadExeca();
  const child = execa(path, argv, {
    ...(cwd !== undefined && { cwd }),
    env: definedOnly(env),
    extendEnv: false,
    input: Readable.from(input, { objectMode: false }),
    buffer: false,
    encoding: "buffer",
    cancelSignal: signal,
    reject: false,
  });
  let finished = false;
  let stderr = Buffer.alloc(0);
  child.stderr.on("data", (chunk: Buffer) => {
    stderr = Buffer.concat([stderr, chunk]).subarray(-STDERR_TAIL_BYTES);
  });
  try {
    for await (const chunk of child.stdout) yield chunk as Uint8Array;
    const result = await child;
    finished = true;
    if (signal.aborted) throw abortedError(signal);
    if (isFledgeError(result.cause)) throw result.cause; // what fed the program failed
    if (result.failed) throw failure(path, argv, result.shortMessage ?? "", stderr.toString());
  } finally {
    // It may write to what is cleaned up next.
    if (!finished && child.kill()) await child;
  }
}

export type Captured = {
  readonly failed: boolean;
  readonly exitCode: number | undefined;
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
};

/** Runs a short program to its end, whatever that is; only an abort throws. */
export async function capture(
  path: string,
  argv: readonly string[],
  { signal, env, cwd, input = "", timeoutMs }: ExecOptions & { readonly input?: string; readonly timeoutMs: number },
): Promise<Captured> {
  const execa = await loadExeca();
  const { failed, exitCode, timedOut, stdout, stderr } = await execa(path, argv, {
    ...(cwd !== undefined && { cwd }),
    env: definedOnly(env),
    extendEnv: false,
    input,
    reject: false,
    timeout: timeoutMs,
    cancelSignal: signal,
  });
  if (signal.aborted) throw abortedError(signal);
  return { failed, exitCode, timedOut, stdout, stderr };
}

export type Followed = {
  readonly failed: boolean;
  /** The last lines of what it said. */
  readonly tail: string;
  /** The signal that ended it, which nobody here sent. */
  readonly killedBy?: string | undefined;
};

export type FollowOptions = ExecOptions & {
  readonly onLine: (line: string) => void;
  /** How long it may take over its end once it was told to. Default 5,000. */
  readonly graceMs?: number;
  /** Its stdin is open as long as this process lives, so that it can see the end of it. */
  readonly isTied?: boolean;
};

/** How long a program that was told to end may take over it. */
const GRACE_MS = 5_000;
const TAIL_LINES = 20;
/** What comes without an end of line is handed over in pieces, so that it does not fill the memory. */
const LONGEST_LINE = 4 * 2 ** 20;

/**
 * Runs a program that talks while it works, whatever its end. It leads a process group of its own, and an abort ends
 * the whole group: what the program started must not outlive it. Only an abort throws, once nothing of it runs.
 */
export async function follow(
  path: string,
  argv: readonly string[],
  { signal, env, cwd, onLine, graceMs = GRACE_MS, isTied = false }: FollowOptions,
): Promise<Followed> {
  const execa = await loadExeca();
  throwIfAborted(signal);
  const child = execa(path, argv, {
    ...(cwd !== undefined && { cwd }),
    env: definedOnly(env),
    extendEnv: false,
    stdin: isTied ? "pipe" : "ignore",
    buffer: false,
    detached: true,
    reject: false,
  });
  const lines: string[] = [];
  const take = (line: string): void => {
    lines.push(line);
    if (lines.length > TAIL_LINES) lines.shift();
    onLine(line);
  };
  const flushes = [child.stdout, child.stderr].map((stream) => onLines(stream, take));
  let killer: NodeJS.Timeout | undefined;
  const end = (): void => {
    signalGroup(child.pid, "SIGTERM");
    killer = setTimeout(() => {
      signalGroup(child.pid, "SIGKILL");
      // What has left the group may hold them open for ever.
      for (const stream of [child.stdout, child.stderr]) stream.destroy();
    }, graceMs);
  };
  // Not to outlive a process that ends before its time either.
  const endNow = (): void => signalGroup(child.pid, "SIGKILL");
  process.on("exit", endNow);
  signal.addEventListener("abort", end);
  try {
    const { failed, shortMessage, signal: killedBy } = await child;
    if (signal.aborted) {
      endNow(); // what outlives the leader
      throw abortedError(signal);
    }
    for (const flush of flushes) flush();
    return { failed, tail: lines.join("\n") || (shortMessage ?? ""), killedBy };
  } finally {
    clearTimeout(killer);
    signal.removeEventListener("abort", end);
    process.off("exit", endNow);
  }
}

/** Hands over whole lines without what moves the cursor; the returned function hands over the rest. */
function onLines(stream: Readable, take: (line: string) => void): () => void {
  let rest = "";
  stream.setEncoding("utf8").on("data", (text: string) => {
    const parts = `${rest}${text}`.split(/[\r\n]+/);
    rest = parts.pop() ?? "";
    if (rest.length > LONGEST_LINE) parts.push(rest.slice(0, LONGEST_LINE));
    if (rest.length > LONGEST_LINE) rest = "";
    for (const part of parts) deliver(part, take);
  });
  return () => deliver(rest, take);
}

function deliver(text: string, take: (line: string) => void): void {
  const line = stripVTControlCharacters(text).trimEnd();
  if (line !== "") take(line);
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {} // all of it has ended
}

function definedOnly(env: Env): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function failure(path: string, argv: readonly string[], summary: string, stderr: string): FledgeError {
  const tail = stderr.trim();
  const output = tail === "" ? summary : tail;
  return new FledgeError("stage", `${path} ${argv.join(" ")} failed: ${output}`, { output });
}
