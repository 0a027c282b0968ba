import fc from "fast-check";
import picomatch from "picomatch";
import { expect, test } from "vitest";
import { parsePattern } from "../../../src/lib/pattern.ts";

const LONG = "x".repeat(255);

test.each([
  ["*x*x*x*y", LONG],
  ["*x*x*x*x*x*x*x*x*y", LONG],
  ["*?*?*?*?*?y", LONG],
  ["**/*x*x*x*x*y", Array(15).fill(LONG).join("/")],
  ["*x*x*x/*x*x*x/y", `${LONG}/${LONG}/z`],
])("%s takes no longer than a name is long", (pattern, text) => {
  const { user } = process.cpuUsage();
  expect(parsePattern(pattern).matches(text)).toBe(false);
  expect((process.cpuUsage().user - user) / 1000).toBeLessThan(500);
});

test("what cannot be made short is refused", () => {
  expect(() => parsePattern("*[x]*[x]*[x]*[x]*[x]*y")).toThrow('has too many "*" in one name');
  expect(parsePattern("{*a*,*b*,*c*,*d*}").matches("xcx")).toBe(true);
  expect(parsePattern("/usr/*/*/*/*/*/*.so").matches("/usr/a/b/c/d/e/f.so")).toBe(true);
});

test("it means what it means to picomatch", () => {
  const options = { dot: true, strictSlashes: true };
  const part = fc.constantFrom(
    "*",
    "*",
    "?",
    "a",
    "b",
    ".",
    "/",
    "ab",
    "**",
    "{a,b*}",
    "[ab]",
    "-",
    "/**/",
    "+",
    "(",
    "^",
    "$",
  );
  const pattern = fc.array(part, { minLength: 1, maxLength: 8 }).map((parts) => parts.join(""));
  const text = fc
    .array(fc.constantFrom("a", "b", ".", "/", "ab", "-", "+", "^"), { maxLength: 10 })
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(pattern, text, (glob, name) => {
      let parsed: ReturnType<typeof parsePattern>;
      try {
        parsed = parsePattern(glob);
      } catch {
        return;
      }
      const plain = glob.replace(/(?<=^|\/)(?:\*\*\/){2,}/g, "**/");
      expect(parsed.matches(name), glob).toBe(picomatch(plain, options)(name));
    }),
    { numRuns: 3000, seed: 1 },
  );
});
