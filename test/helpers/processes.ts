import { readFileSync } from "node:fs";

/** Alive, and not an orphan that waits for process 1 to take note of its end: in a container that may be for ever. */
export function isRunning(pid: number | string): boolean {
  const state = /^State:\t(.)/m.exec(procFile(pid, "status"))?.[1];
  return state !== undefined && state !== "Z" && state !== "X";
}

/** The arguments of a process, with a NUL after each; empty of one that has ended. */
export function commandOf(pid: number | string): string {
  return procFile(pid, "cmdline");
}

function procFile(pid: number | string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}
