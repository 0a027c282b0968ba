import { expect, it } from "vitest";
import { z } from "zod";
import { explain, formatPath } from "../../../src/config/explain.ts";
import { snakeObject } from "../../../src/config/toml/schema.ts";

const schema = z.strictObject({
  words: z.array(z.string()).min(1).optional(),
  program: z.array(z.string()).min(1, { error: "must name a program" }).optional(),
  level: z.int().min(1).max(9).optional(),
  size: z.union([z.string(), z.number()]).optional(),
  env: z.record(z.string().regex(/^[A-Z]+$/, "is no variable"), z.string()).optional(),
  filesystem: z
    .union([
      z.strictObject({ type: z.literal("ext4"), label: z.string().optional() }),
      z.strictObject({ type: z.literal("squashfs"), level: z.int().optional() }),
    ])
    .optional(),
  range: z
    .strictObject({ from: z.number(), to: z.number() })
    .refine(({ from, to }) => from <= to, "ends before it begins")
    .optional(),
});

const told = (value: unknown) =>
  explain(schema, value).map(({ path, message, hint }) => `${formatPath(path)}: ${message}${hint ? ` (${hint})` : ""}`);

it.each([
  [{}, []],
  [{ words: [] }, ["words: must not be empty"]],
  [{ words: "a" }, ['words: expected a list, got "a"']],
  [{ words: ["a", 1] }, ["words[1]: expected a string, got 1"]],
  [{ program: [] }, ["program: must name a program"]],
  [{ level: 0 }, ["level: must be at least 1, got 0"]],
  [{ level: 10 }, ["level: must be at most 9, got 10"]],
  [{ level: 1.5 }, ["level: expected a whole number, got 1.5"]],
  [{ size: true }, ["size: expected a string or a number, got true"]],
  [{ size: null }, ["size: expected a string or a number, got null"]],
  [{ size: () => 1 }, ["size: expected a string or a number, got a function"]],
  [{ env: { a: "1", B: 2 } }, ['env.a: "a" is no variable', "env.B: expected a string, got 2"]],
  [{ filesystem: { type: "squashfs", label: "x" } }, ["filesystem.label: unknown key (known: type, level)"]],
  [
    { filesystem: { type: "ext3" } },
    ['filesystem.type: expected "ext4" or "squashfs", got "ext3" (did you mean "ext4"?)'],
  ],
  [{ filesystem: { lable: "x" } }, ['filesystem.lable: unknown key (did you mean "label"?)']],
  [{ range: { from: 2, to: 1 } }, ["range: ends before it begins"]],
  ["text", [': expected an object, got "text"']],
])("explains %j", (value, expected) => {
  expect(told(value)).toEqual(expected);
});

it("says the same of the snake_case twin, least lengths included", () => {
  const findings = explain(snakeObject(schema), { words: [], env: { a: "" } }, "table");
  expect(findings.map(({ message }) => message)).toEqual(["must not be empty", '"a" is no variable']);
  expect(explain(snakeObject(schema), 5, "table")[0]?.message).toBe("expected a table, got 5");
});
