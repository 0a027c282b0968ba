import { describe, expect, it } from "vitest";
import type { JsonValue } from "../../../src/lib/json.ts";
import { FactBook } from "../../../src/pipeline/facts.ts";

function cycle(): unknown {
  const value: Record<string, unknown> = {};
  value.deep = { again: value };
  return value;
}

describe("a fact", () => {
  it("is kept as it was said, in the order in which it was", () => {
    const book = new FactBook();
    const packages = ["a"];
    const shared = { x: 1 };
    book.add("packages", packages, "mine");
    book.add("build.id", { n: null, t: [true, 1.5, ""], twice: [shared, shared] }, "rootfs:ready");
    packages.push("b");
    expect(Object.entries(book.facts)).toEqual([
      ["packages", ["a"]],
      ["build.id", { n: null, t: [true, 1.5, ""], twice: [{ x: 1 }, { x: 1 }] }],
    ]);
  });

  it("is said once", () => {
    const book = new FactBook();
    book.add("size", 1, "mine");
    expect(() => book.add("size", 1, "rootfs:ready")).toThrow(
      expect.objectContaining({
        code: "config",
        message: 'the fact "size" is stated twice: "mine" did so before "rootfs:ready"',
      }),
    );
    expect(book.facts).toEqual({ size: 1 });
  });

  it.each([
    [undefined, "value is undefined"],
    [{ a: { b: [1, () => 1] } }, "value.a.b[1] is a function"],
    [[1, undefined], "value[1] is undefined"],
    // biome-ignore lint/suspicious/noSparseArray: what a hook may hand over
    [[1, , 3], "value[1] is undefined"],
    [Number.NaN, "value is NaN"],
    [{ at: new Date(0) }, "value.at is a Date"],
    [new Map(), "value is a Map"],
    [10n, "value is a bigint"],
    [Symbol.iterator, "value is a symbol"],
    [cycle(), "value.deep.again holds itself"],
  ])("that JSON cannot hold is refused: %s", (value, problem) => {
    expect(() => new FactBook().add("x", value as JsonValue, "mine")).toThrow(
      expect.objectContaining({ code: "config", message: `the fact "x" is not JSON: ${problem}` }),
    );
  });

  it.each(["", "1st", "a b", "__proto__", 7 as unknown as string])("has a name: not %j", (name) => {
    expect(() => new FactBook().add(name, 1, "mine")).toThrow(/is not a name for a fact/);
  });
});
