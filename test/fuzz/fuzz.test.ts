import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { READERS } from "./readers.ts";

const RUN = fileURLToPath(new URL("run.ts", import.meta.url));

// A little of what `npm run fuzz NAME` does for hours, another little each time; the seed is in the output.
test.each(Object.keys(READERS))(
  "%s: whatever comes, a value or an error that is foreseen",
  { timeout: 240_000 },
  (name) => {
    const argv = ["--import", "tsx", RUN, name, "--seconds", "2"];
    const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8" });
    expect(status, `${stdout}${stderr}`).toBe(0);
    expect(Number(/(\d+) inputs/.exec(stdout)?.[1])).toBeGreaterThan(1);
  },
);

test("a reader that is none is refused", { timeout: 120_000 }, () => {
  const { status, stderr } = spawnSync(process.execPath, ["--import", "tsx", RUN, "nothing"], { encoding: "utf8" });
  expect(status).toBe(2);
  expect(stderr).toContain("NAME is one of layers, index,");
});
