import { spawn } from "node:child_process";
import { stripVTControlCharacters } from "node:util";
import { onTestFinished } from "vitest";
import { CLI } from "./cli.ts";
import { tempDir } from "./temp.ts";

/** What to type once the screen shows something. */
export type Answer = readonly [shown: RegExp, typed: string];

export const KEYS = { enter: "\r", down: "\u001b[B", interrupt: "\u0003" } as const;

/** Runs the built CLI on a terminal of its own, as a person does, and answers it; `script` of bsdutils is the terminal. */
export function fledgeOnTerminal(
  args: readonly string[],
  { cwd, answers }: { readonly cwd: string; readonly answers: readonly Answer[] },
): Promise<{ readonly code: number | null; readonly screen: string }> {
  const command = [process.execPath, CLI, ...args].map((word) => `'${word}'`).join(" ");
  const child = spawn("script", ["-qec", `stty rows 40 cols 120; exec ${command}`, "/dev/null"], {
    cwd,
    env: { PATH: process.env.PATH ?? "", HOME: cwd, TERM: "xterm", FLEDGE_CACHE_DIR: tempDir() },
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill());
  const left = [...answers];
  let screen = "";
  let unread = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    screen += stripVTControlCharacters(text);
    unread += stripVTControlCharacters(text);
    const [next] = left;
    if (next === undefined || !next[0].test(unread)) return;
    left.shift();
    unread = "";
    child.stdin.write(next[1]);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, screen }));
  });
}
