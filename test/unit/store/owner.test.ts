import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isAbandoned, ownerName } from "../../../src/store/owner.ts";

const HOUR_MS = 3_600_000;

describe.skipIf(!existsSync("/proc/self/ns/pid"))("isAbandoned", () => {
  const withPid = (pid: number): string => {
    const [boot, namespace] = ownerName().split("-");
    return `${boot}-${namespace}-${pid}-00`;
  };

  it("tells the living from the dead", () => {
    expect(isAbandoned(ownerName(), 0)).toBe(false);
    expect(isAbandoned(withPid(1), 0)).toBe(false);
    const { pid } = spawnSync("true");
    expect(isAbandoned(withPid(pid), 0)).toBe(true);
  });

  it("gives up everything of an earlier boot, and anything after a day", () => {
    expect(isAbandoned(ownerName().replace(/^[0-9a-f]+/, "0000"), 0)).toBe(true);
    expect(isAbandoned(ownerName(), 25 * HOUR_MS)).toBe(true);
  });

  it("leaves what it cannot see: other containers, other kernels", () => {
    const [boot] = ownerName().split("-");
    expect(isAbandoned(`${boot}-1-999999-00`, HOUR_MS)).toBe(false);
    expect(isAbandoned("x-x-999999-00", HOUR_MS)).toBe(false);
  });
});
