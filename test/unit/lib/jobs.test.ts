import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { defaultJobs, inParallel } from "../../../src/lib/jobs.ts";

const MIB = 2 ** 20;

test("a job per core, as memory allows, and never none", () => {
  expect(defaultJobs({ cores: 4, freeBytes: 8192 * MIB })).toBe(4);
  expect(defaultJobs({ cores: 4, freeBytes: 700 * MIB })).toBe(2);
  expect(defaultJobs({ cores: 4, freeBytes: 10 * MIB })).toBe(1);
  expect(defaultJobs()).toBeGreaterThan(0);
});

test("results are in the order of the items, and no more run at once than there are jobs", async () => {
  let running = 0;
  let most = 0;
  const results = await inParallel([5, 1, 4, 0, 2], 2, async (turns) => {
    running += 1;
    most = Math.max(most, running);
    for (let turn = 0; turn < turns; turn++) await setImmediate();
    running -= 1;
    return turns * 10;
  });
  expect(results).toEqual([50, 10, 40, 0, 20]);
  expect(most).toBe(2);
  expect(await inParallel([], 2, async () => 1)).toEqual([]);
});
