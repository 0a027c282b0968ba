import { expect, it, test } from "vitest";
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

it.each([
  ["cap_net_bind", ["cap_setgid", "cap_net_bind_service", "cap_net_raw"], "cap_net_bind_service"],
  ["squash", ["ext4", "squashfs"], "squashfs"],
  ["raw", ["cap_net_raw", "cap_sys_rawio"], "cap_net_raw"],
  ["mapings", ["mappings", "manifest"], "mappings"],
])("%s is part of, or near to, one of %s", (word, candidates, meant) => {
  expect(nearest(word, candidates)).toBe(meant);
});
