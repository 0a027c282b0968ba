import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { tempDir } from "./temp.ts";

export const CLI: string = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export type CliResult = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

export type CliOptions = {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** A program that runs the CLI, with its arguments: `["setpriv", "--reuid=65534"]`. */
  readonly via?: readonly string[];
  /** Sends a signal once stderr shows this. */
  readonly interrupt?: { readonly when: RegExp; readonly signal: NodeJS.Signals };
};

/** Runs the built CLI as a user does. Its cache is a folder of the test's own unless `env` says otherwise. */
export function fledge(
  args: readonly string[],
  { cwd = process.cwd(), env = {}, via = [], interrupt }: CliOptions = {},
): Promise<CliResult> {
  const [program = "", ...argv] = [...via, process.execPath, CLI, ...args];
  const child = spawn(program, argv, {
    cwd,
    env: {
      PATH: process.env.PATH ?? "",
      HOME: process.env.HOME ?? "",
      FLEDGE_CACHE_DIR: env.FLEDGE_CACHE_DIR ?? tempDir(),
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
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
