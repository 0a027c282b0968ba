import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { tempDir } from "./temp.ts";

export const CLI: string = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export type CliResult = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

export type CliOptions = {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** A program that runs the CLI, with its arguments: `["setpriv", "--reuid=65534"]`. */
  readonly via?: readonly string[];
  /** The CLI itself. Default the built one of this repository. */
  readonly program?: readonly string[];
  /** Sends a signal once stderr shows this. */
  readonly interrupt?: { readonly when: RegExp; readonly signal: NodeJS.Signals };
};

/** The CLI while it runs. */
export type RunningCli = {
  /** What it has said so far, on stdout and stderr. */
  said(): string;
  /** Waits until what it has said since the last wait matches, and returns that up to the end of the match. */
  until(pattern: RegExp): Promise<string>;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<CliResult>;
};

const LONGEST_WAIT_MS = 120_000;

/** Starts a command that goes on until it is stopped; it is killed when the test is done. */
export function startFledge(args: readonly string[], options: CliOptions = {}): RunningCli {
  const child = spawnCli(args, options);
  onTestFinished(() => void child.kill("SIGKILL"));
  let all = "";
  let seen = 0;
  let check = (): void => {};
  const add = (text: string): void => {
    all += text;
    check();
  };
  child.stdout.setEncoding("utf8").on("data", add);
  child.stderr.setEncoding("utf8").on("data", add);
  const ended = new Promise<CliResult>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout: all, stderr: all }));
  });
  return {
    said: () => all,
    kill: (signal) => void child.kill(signal),
    ended,
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => {
          reject(new Error(`${pattern} was not said within ${LONGEST_WAIT_MS} ms, but:\n${all.slice(seen)}`));
        }, LONGEST_WAIT_MS);
        check = () => {
          const match = pattern.exec(all.slice(seen));
          if (match === null) return;
          clearTimeout(late);
          const text = all.slice(seen, seen + match.index + match[0].length);
          seen += text.length;
          resolve(text);
        };
        check();
      }),
  };
}

/** Runs the built CLI as a user does. Its cache is a folder of the test's own unless `env` says otherwise. */
export function fledge(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { interrupt } = options;
  const child = spawnCli(args, options);
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    if (interrupt?.when.test(stderr) && !child.killed) child.kill(interrupt.signal);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

function spawnCli(args: readonly string[], options: CliOptions) {
  const { cwd = process.cwd(), env = {}, via = [], program = [process.execPath, CLI] } = options;
  const [command = "", ...argv] = [...via, ...program, ...args];
  return spawn(command, argv, {
    cwd,
    env: {
      PATH: process.env.PATH ?? "",
      HOME: process.env.HOME ?? "",
      FLEDGE_CACHE_DIR: env.FLEDGE_CACHE_DIR ?? tempDir(),
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
}
