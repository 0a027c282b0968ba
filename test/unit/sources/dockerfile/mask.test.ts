import { expect, it } from "vitest";
import { maskFor } from "../../../../src/sources/dockerfile/mask.ts";

it("hides values, each line of those that have several, and the longer of two that overlap", () => {
  const mask = maskFor(["token-1", "//registry/:_auth=token-12\nalways=true\n", ""]);
  expect(mask("GET token-1, token-12 and token-1")).toBe("GET ***, ***2 and ***");
  expect(mask("  //registry/:_auth=token-12 ")).toBe("  *** ");
  expect(mask("always=true")).toBe("***");
});

it("leaves alone what is too short to be told apart, and everything when there is nothing to hide", () => {
  expect(maskFor(["abc"])("abcabc")).toBe("abcabc");
  expect(maskFor([])("text")).toBe("text");
});
