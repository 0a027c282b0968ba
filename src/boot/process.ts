import { type ChildProcess, spawn } from "node:child_process";
import type { Duplex, Readable } from "node:stream";
import type { Env } from "../lib/context.ts";
import { messageOf } from "../lib/errors.ts";
import { findOnPath } from "../lib/process/tools.ts";
import { CHANNEL_FD, QMP_FD } from "./descriptors.ts";

/** How long a hypervisor may take to close a disk that is kept. */
const GRACE_MS = 3_000;

const STDERR_TAIL_CHARS = 4096;

/** A hypervisor as a process. */
export type GuestProcess = {
  readonly stdout: Readable;
  /** Of QEMU; leads nowhere where the command does not use it, as does the channel. */
  readonly qmp: Duplex;
  readonly channel: Duplex;
  /** What it said on stderr, the end of it. */
  said(): string;
  /** Never rejects; with what kept it from being started, if something did. */
  readonly closed: Promise<{ readonly code: number | null; readonly problem?: string }>;
  stop(): Promise<void>;
  killNow(): void;
};

/**
 * Starts a hypervisor in a process group of its own, so that a Ctrl-C reaches fledge alone. It ends with this process, however
 * that ends: where there is util-linux the kernel sees to it (PR_SET_PDEATHSIG, prctl(2)).
 */
export function spawnGuest(command: readonly string[], env: Env): GuestProcess {
  const [program = "", ...args] = tiedToUs(command, env);
  const child = spawn(program, args, {
    stdio: ["pipe", "pipe", "pipe", "pipe", "pipe"],
    detached: true,
    env: { ...env },
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = `${stderr}${text}`.slice(-STDERR_TAIL_CHARS);
  });
  child.stdin.on("error", () => {}); // it has ended, which `closed` tells
  const killNow = (): void => kill(child, "SIGKILL");
  process.on("exit", killNow);
  const closed = new Promise<{ code: number | null; problem?: string }>((resolve) => {
    child.once("error", (error) => resolve({ code: null, problem: messageOf(error) }));
    child.once("close", (code) => resolve({ code }));
  }).finally(() => process.off("exit", killNow));
  return {
    stdout: child.stdout,
    qmp: (child.stdio[QMP_FD] as Duplex).on("error", () => {}),
    channel: (child.stdio[CHANNEL_FD] as Duplex).on("error", () => {}),
    said: () => stderr.trim(),
    closed,
    killNow,
    async stop() {
      kill(child, "SIGTERM");
      const killer = setTimeout(killNow, GRACE_MS);
      await closed.finally(() => clearTimeout(killer));
    },
  };
}

function tiedToUs(command: readonly string[], env: Env): readonly string[] {
  const setpriv = process.platform === "linux" ? findOnPath("setpriv", env) : undefined;
  return setpriv === undefined ? command : [setpriv, "--pdeathsig", "KILL", ...command];
}

function kill(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {} // it has ended
}
