import { randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { lstat } from "node:fs/promises";
import { uptime } from "node:os";
import { nowMs } from "../clock.ts";
import { errnoOf } from "../errors.ts";

/**
 * A name for what one process keeps while it runs, be it in the cache or beside an artifact:
 * `BOOT-PIDNAMESPACE-PID-START-RANDOM`. It lets others see whether the process still lives, even after SIGKILL and in
 * containers that share the folder.
 */
export function ownerName(): string {
  const { pid } = process;
  const start = processAt(pid)?.start;
  return [bootId() ?? "x", pidNamespace() ?? "x", pid, start ?? "x", randomBytes(6).toString("hex")].join("-");
}

/** What was left by a process that cannot be seen is given up after a day. */
const GIVE_UP_MS = 24 * 60 * 60 * 1000;

/** Whether the process behind an `ownerName` is gone; `ageMs` is how long ago it last wrote. */
export function isAbandoned(name: string, ageMs: number): boolean {
  const [boot = "", namespace, pid, start] = name.split("-");
  const isOfThisBoot = boot === bootId();
  if (isOfThisBoot && namespace === pidNamespace()) return !isRunning(Number(pid), start);
  // Written since this kernel started, and by another one: by another machine that shares the folder.
  if (!isOfThisBoot && /^[0-9a-f]{12}$/.test(boot) && ageMs > uptime() * 1000) return true;
  return ageMs > GIVE_UP_MS;
}

/** Whether the process behind an `ownerName` runs, or ran, on this kernel but in a pid namespace that is not ours. */
export function isOfOtherNamespace(name: string): boolean {
  const [boot, namespace] = name.split("-");
  return boot !== undefined && boot === bootId() && namespace !== pidNamespace();
}

/** As `isAbandoned`, for what bears that name, by when it was last changed; false when it is gone. */
export async function isLeftover(path: string, owner: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found !== undefined && isAbandoned(owner, nowMs() - found.mtimeMs);
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

/** A pid is used again, but not with the same time of start. */
function isRunning(pid: number, start: string | undefined): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (errnoOf(error) !== "EPERM") return false; // EPERM: another user's
  }
  const now = processAt(pid);
  if (now === undefined) return true; // /proc may hide it
  return now.state !== "Z" && (start === undefined || start === "x" || now.start === start);
}

/** State and time of start, in ticks since the start of the kernel: fields 3 and 22 of /proc/PID/stat (proc(5)). */
function processAt(pid: number): { state: string | undefined; start: string | undefined } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name, which may hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0], start: fields[22 - 3] };
  } catch {
    return undefined;
  }
}
