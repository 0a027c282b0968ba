import { readdirSync, readFileSync } from "node:fs";

/** Alive, and not an orphan that waits for process 1 to take note of its end: in a container that may be for ever. */
export function isRunning(pid: number | string): boolean {
  const state = /^State:\t(.)/m.exec(procFile(pid, "status"))?.[1];
  return state !== undefined && state !== "Z" && state !== "X";
}

/** Of each other process that runs, and has all of these texts in it: its arguments, with a NUL after each. */
export function commandsWith(...texts: readonly string[]): string[] {
  const pids = readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && pid !== String(process.pid));
  const commands = pids.map((pid) => procFile(pid, "cmdline"));
  return commands.filter((command) => texts.every((text) => command.includes(text)));
}

function procFile(pid: number | string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}
