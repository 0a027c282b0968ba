import { describe, expect, it } from "vitest";
import type { Requirement } from "../../../src/lib/process/requirements.ts";
import { diagnoseAll, diagnosePlan } from "../../../src/pipeline/doctor.ts";
import { plan } from "../../../src/pipeline/plan.ts";
import { smallPlugin } from "../../helpers/plugin.ts";

const machine = (PATH: string) => ({ env: { PATH }, signal: new AbortController().signal });
const tool = (name: string): Requirement => ({ kind: "tool", anyOf: [{ name, reason: "x", package: name }] });

describe("the diagnosis of a plan", () => {
  it("says what is there and what is not", async () => {
    const planned = { ...plan(smallPlugin()), requirements: [tool("sh"), tool("nosuchtool")] };
    const { subject, findings, canRun } = await diagnosePlan(planned, machine("/bin"));
    expect({ subject, canRun }).toEqual({ subject: "small", canRun: false });
    expect(findings.map(({ what, isMet, isNeeded }) => [what, isMet, isNeeded])).toEqual([
      ["sh", true, true],
      ["nosuchtool", false, true],
    ]);
  });

  it("does not need what a source may turn out to ask for", async () => {
    const planned = plan(smallPlugin({ source: { tar: "/x.tar" } }));
    const { findings, canRun } = await diagnosePlan(planned, machine("/nowhere"));
    expect(canRun).toBe(true);
    expect(findings.map(({ what }) => what)).toEqual(expect.arrayContaining(["xz", "bzip2"]));
    expect(findings.every(({ isMet, isNeeded }) => !isMet && !isNeeded)).toBe(true);
  });
});

it("knows the needs of every feature", async () => {
  const diagnoses = await diagnoseAll(machine("/nowhere"));
  expect(diagnoses.map(({ subject }) => subject)).toEqual(
    expect.arrayContaining(['archive.compression = "zstd"', 'filesystem.type = "xfs"', 'filesystem.type = "btrfs"']),
  );
  for (const { findings } of diagnoses) {
    // Root and the kernel's abilities are what they are; no program is to be found.
    for (const { isMet } of findings.filter(({ kind }) => kind === "tool")) expect(isMet).toBe(false);
  }
});
