import { expect, it } from "vitest";
import { z } from "zod";
import { snakeObject, toCamel } from "../../../src/config/toml/schema.ts";

const schema = z.strictObject({
  oneTwo: z.array(z.strictObject({ threeFour: z.string().describe("kept") })).optional(),
  byName: z.record(z.string(), z.strictObject({ sixSeven: z.int().default(1) })).optional(),
  either: z
    .union([z.strictObject({ pathName: z.string() }), z.strictObject({ urlText: z.string() }), z.literal(false)])
    .optional(),
  call: z.union([z.string(), z.custom<() => void>((value) => typeof value === "function")]).optional(),
  onDone: z.custom<() => void>((value) => typeof value === "function").optional(),
});

const snake = {
  one_two: [{ three_four: "a_b" }],
  by_name: { keep_me: { six_seven: 2 }, keepMe: {} },
  either: { url_text: "x" },
  call: "text",
};

const camel = {
  oneTwo: [{ threeFour: "a_b" }],
  byName: { keep_me: { sixSeven: 2 }, keepMe: {} },
  either: { urlText: "x" },
  call: "text",
};

it("converts the keys of objects and leaves those of records", () => {
  expect(snakeObject(schema).parse(snake)).toEqual(snake);
  expect(toCamel(schema, snake)).toEqual(camel);
  expect(schema.safeParse(toCamel(schema, snake)).success).toBe(true);
});

it("is strict, keeps descriptions and has no functions", () => {
  const twin = snakeObject(schema);
  expect(twin.safeParse({ oneTwo: [] }).success).toBe(false);
  expect(twin.safeParse({ call: () => {} }).success).toBe(false);
  expect(Object.keys(twin.shape)).not.toContain("on_done");
  expect(JSON.stringify(z.toJSONSchema(twin))).toContain('"description":"kept"');
});
