import { expect, test } from "vitest";
import { didYouMean, nearest } from "../../../src/lib/suggest.ts";

test.each([
  ["stratgey", "strategy"],
  ["Strategy", "strategy"],
  ["mapping", "mappings"],
  ["nmae", "name"],
  ["xyzzy", undefined],
])("%s -> %s", (word, expected) => {
  expect(nearest(word, ["strategy", "name", "mappings", "agent"])).toBe(expected);
});

test("when nothing is near, what there is is listed", () => {
  expect(didYouMean("nmae", ["name"])).toBe('did you mean "name"?');
  expect(didYouMean("xyzzy", ["name", "agent"])).toBe("known: name, agent");
  expect(didYouMean("xyzzy", [])).toBeUndefined();
});
