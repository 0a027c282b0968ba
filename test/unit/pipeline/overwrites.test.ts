import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ResolvedInitramfs } from "../../../src/contract/plugin.ts";
import { assertOutputs } from "../../../src/pipeline/overwrites.ts";
import { plan } from "../../../src/pipeline/plan.ts";
import { smallPlugin } from "../../helpers/plugin.ts";
import { tempDir } from "../../helpers/temp.ts";

type Overrides = (input: string) => Parameters<typeof smallPlugin>[0];

const INPUTS: readonly [string, Overrides][] = [
  ["a mapped file", (input) => ({ mappings: [{ from: input, to: "/srv/page", key: "k" }] })],
  ["the config", (input) => ({ configFile: input })],
  ["the init", (input) => ({ init: { mode: "custom", from: input, exec: false } as ResolvedInitramfs["init"] })],
  ["the source's tar", (input) => ({ source: { tar: input } })],
  ["the Dockerfile", (input) => ({ source: { dockerfile: input, context: tempDir() } })],
  ["the agent", (input) => ({ agent: { path: input } })],
];

for (const [what, overrides] of INPUTS) {
  test(`${what} is not replaced, as an artifact or as a manifest, by whatever name`, async () => {
    const folder = tempDir();
    const input = join(folder, "input");
    writeFileSync(input, "mine");
    mkdirSync(join(folder, "deep"));
    symlinkSync(folder, join(folder, "deep/up"));
    for (const output of [input, join(folder, "deep/up/input")]) {
      for (const where of [{ outFile: output }, { manifestFile: output }]) {
        const planned = plan(smallPlugin({ ...overrides(input), ...where }));
        await expect(assertOutputs(planned)).rejects.toMatchObject({
          code: "config",
          message: `the ${"outFile" in where ? "artifact" : "manifest"} ${output} would replace ${input}, from which it is built`,
          hint: expect.stringContaining("-o FOLDER"),
        });
      }
    }
    await expect(assertOutputs(plan(smallPlugin(overrides(input))))).resolves.toBeUndefined();
  });
}
