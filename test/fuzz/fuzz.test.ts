import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { READERS } from "./readers.ts";

const RUN = fileURLToPath(new URL("run.ts", import.meta.url));
const NAMES = Object.keys(READERS);

function fuzz(...args: string[]) {
  return spawnSync(process.execPath, ["--import", "tsx", RUN, ...args], { encoding: "utf8" });
}

// A little of what `npm run fuzz NAME` does for hours, another little each time; the seed is in the output.
describe("whatever comes, a value or an error that is foreseen", () => {
  let ran: ReturnType<typeof fuzz>;
  beforeAll(() => {
    ran = fuzz(...NAMES, "--seconds", "1");
  });

  test("nothing else was found", () => expect(ran.status, `${ran.stdout}${ran.stderr}`).toBe(0));

  test.each(NAMES)("%s got inputs", (name) => {
    expect(Number(new RegExp(`^${name}: (\\d+) inputs`, "m").exec(ran.stdout)?.[1])).toBeGreaterThan(1);
  });
});

test("a reader that is none is refused", () => {
  const { status, stderr } = fuzz("nothing");
  expect(status).toBe(2);
  expect(stderr).toContain("NAME is one of layers, index,");
});
