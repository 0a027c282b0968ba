import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { uptime } from "node:os";
import { describe, expect, it } from "vitest";
import { isAbandoned, ownerName } from "../../../../src/lib/process/owner.ts";

const HOUR_MS = 3_600_000;

describe.skipIf(!existsSync("/proc/self/ns/pid"))("isAbandoned", () => {
  const [boot, namespace, pid, start] = ownerName().split("-");
  const withPid = (other: number, since = "x"): string => [boot, namespace, other, since, "00"].join("-");

  it("tells the living from the dead, however old what they left is", () => {
    expect(isAbandoned(ownerName(), 0)).toBe(false);
    expect(isAbandoned(ownerName(), 25 * HOUR_MS)).toBe(false);
    expect(isAbandoned(withPid(1), 0)).toBe(false);
    expect(isAbandoned(withPid(spawnSync("true").pid), 0)).toBe(true);
  });

  it("does not take a process that got the same pid later for the owner", () => {
    expect(isAbandoned(withPid(Number(pid), start), 0)).toBe(false);
    expect(isAbandoned(withPid(Number(pid), "1"), 0)).toBe(true);
  });

  it("gives up everything of an earlier boot, but not what another machine has written since", () => {
    const other = ownerName().replace(/^[0-9a-f]+/, "0".repeat(12));
    expect(isAbandoned(other, uptime() * 1000 + HOUR_MS)).toBe(true);
    expect(isAbandoned(other, 0)).toBe(false);
    expect(isAbandoned(other, 25 * HOUR_MS)).toBe(true);
  });

  it("leaves what it cannot see for a day: other containers, other kernels, other names", () => {
    for (const name of [`${boot}-1-999999-x-00`, "x-x-999999-x-00", "nonsense", ""]) {
      expect(isAbandoned(name, HOUR_MS)).toBe(false);
      expect(isAbandoned(name, 25 * HOUR_MS)).toBe(true);
    }
  });
});
