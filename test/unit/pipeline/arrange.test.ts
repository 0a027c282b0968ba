import { describe, expect, it } from "vitest";
import type { AnyStage, Phase } from "../../../src/contract/stage.ts";
import { arrange } from "../../../src/pipeline/arrange.ts";
import type { PlannedStage } from "../../../src/pipeline/planned-stage.ts";

const step = (name: string, phase: Phase, more: Partial<PlannedStage> = {}): PlannedStage => ({
  name,
  phase,
  kind: "stage",
  title: name,
  run: () => {},
  ...more,
});

const BUILTIN: readonly PlannedStage[] = [
  step("skeleton", "rootfs"),
  step("mappings", "rootfs"),
  step("rootfs:ready", "rootfs", { kind: "hooks", closesPhase: true }),
  step("seal", "image", { isEssential: true }),
  step("check", "image"),
  step("manifest", "artifact", { isEssential: true }),
  step("publish", "artifact", { isEssential: true, closesPhase: true }),
];

function names(stages: readonly Partial<AnyStage>[], builtin = BUILTIN): string[] {
  const layers = stages.map((stage) => ({
    origin: "fledge.config.ts",
    stage: { name: "mine", phase: "rootfs", run: () => {}, ...stage } as AnyStage,
  }));
  return arrange(builtin, layers).map(({ name }) => name);
}

const at = (stage: Partial<AnyStage>, name = "mine"): [string | undefined, string | undefined] => {
  const all = names([stage]);
  const index = all.indexOf(name);
  return [all[index - 1], all[index + 1]];
};

describe("a stage", () => {
  it.each<[Phase, (string | undefined)[]]>([
    ["source", [undefined, "skeleton"]],
    ["rootfs", ["mappings", "rootfs:ready"]],
    ["image", ["check", "manifest"]],
    ["artifact", ["manifest", "publish"]],
  ])("without a place runs at the end of %s", (phase, around) => {
    expect(at({ phase })).toEqual(around);
  });

  it("of a phase without stages comes after the phases before it", () => {
    const builtin = [step("pin", "source"), step("seal", "image")];
    expect(names([{ phase: "rootfs" }], builtin)).toEqual(["pin", "mine", "seal"]);
  });

  it("runs before, after, or instead", () => {
    expect(at({ before: "mappings" })).toEqual(["skeleton", "mappings"]);
    expect(at({ after: "skeleton" })).toEqual(["skeleton", "mappings"]);
    expect(at({ after: "rootfs:ready" })).toEqual(["rootfs:ready", "seal"]);
    expect(at({ replaces: "mappings" })).toEqual(["skeleton", "rootfs:ready"]);
    expect(names([{ name: "mappings", replaces: "mappings" }])).toEqual(BUILTIN.map(({ name }) => name));
  });

  it("may refer to another of the user's, and several keep their order", () => {
    expect(names([{ name: "a" }, { name: "b" }, { name: "c", before: "a" }]).slice(1, 6)).toEqual([
      "mappings",
      "c",
      "a",
      "b",
      "rootfs:ready",
    ]);
  });

  it("says in the plan what it is", () => {
    const [first] = arrange([], [{ origin: "x", stage: { name: "mine", phase: "source", run: () => {} } }]);
    expect(first).toMatchObject({ title: 'Run the stage "mine" of x', origins: ["x"], kind: "stage" });
  });
});

describe("a mistake", () => {
  it("in a name is met with the right one", () => {
    expect(() => names([{ before: "mapings" }])).toThrow(
      expect.objectContaining({
        code: "config",
        message: 'fledge.config.ts: stage "mine" refers to "mapings", which is not in the rootfs phase',
        hint: 'did you mean "mappings"?',
      }),
    );
    expect(() => names([{ after: "seal" }])).toThrow(expect.objectContaining({ hint: "known: skeleton, mappings" }));
  });

  it("is a name that is taken", () => {
    expect(() => names([{ name: "seal" }])).toThrow(
      expect.objectContaining({
        code: "config",
        message: 'fledge.config.ts: there is a stage "seal" already',
        hint: 'give it another name, or say replaces: "seal"',
      }),
    );
    expect(() => names([{}, {}])).toThrow('there is a stage "mine" already');
  });

  it("is to replace what nothing else can make", () => {
    expect(() => names([{ phase: "image", replaces: "seal" }])).toThrow(
      expect.objectContaining({
        code: "config",
        message: 'fledge.config.ts: stage "mine" cannot replace "seal", which makes what later stages need',
        hint: 'let it run before or after "seal"',
      }),
    );
  });
});
