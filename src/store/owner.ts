import { randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";

/**
 * A name for what one process keeps in the cache while it runs: `BOOT-PIDNAMESPACE-PID-RANDOM`. It lets others see
 * whether the process still lives, even after SIGKILL and in containers that share the cache.
 */
export function ownerName(): string {
  return [bootId() ?? "x", pidNamespace() ?? "x", process.pid, randomBytes(6).toString("hex")].join("-");
}

/** What was left by a process that cannot be seen is given up after a day. */
const GIVE_UP_MS = 24 * 60 * 60 * 1000;

/** Whether the process behind an `ownerName` is gone; `ageMs` is how long ago it last wrote. */
export function isAbandoned(name: string, ageMs: number): boolean {
  if (ageMs > GIVE_UP_MS) return true;
  const [boot, namespace, pid] = name.split("-");
  if (boot === "x" || namespace === "x") return false;
  if (boot !== bootId()) return true;
  return namespace === pidNamespace() && !isRunning(Number(pid));
}

/** Changes with every start of the kernel; undefined where the kernel is not Linux. Shortened, without dashes. */
export function bootId(): string | undefined {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8")
      .replace(/[^0-9a-f]/g, "")
      .slice(0, 12);
  } catch {
    return undefined;
  }
}

function pidNamespace(): string | undefined {
  try {
    return readlinkSync("/proc/self/ns/pid").replace(/\D/g, "");
  } catch {
    return undefined;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
