import { readdirSync, readFileSync } from "node:fs";

/** Something that is started while the others are looked at is found in the next round. */
const ROUNDS = 5;

/**
 * Kills every process of this machine whose environment has `NAME=VALUE`: what a program has started in groups and
 * sessions of its own inherits it. Only where the kernel is Linux, and of processes that may be looked at.
 */
export function killMarked(name: string, value: string): void {
  for (let round = 0; round < ROUNDS; round++) {
    const found = markedProcesses(`${name}=${value}`);
    if (found.length === 0) return;
    for (const pid of found) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {} // it has ended
    }
  }
}

function markedProcesses(mark: string): number[] {
  const pids = namesIn("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return pids.filter((pid) => isMarked(pid, mark)).map(Number);
}

function isMarked(pid: string, mark: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(mark);
  } catch {
    return false; // it has ended, or is another user's
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
