import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readJson } from "../../../src/volant/json-source.ts";

function failure(text: string): unknown {
  try {
    readJson(text, "a.json");
    return "no error";
  } catch (error) {
    return error;
  }
}

describe("readJson", () => {
  it.each([
    ["", "1:1: not valid JSON: it ends where a value should be"],
    ['{\n  "a": 1,\n}', '3:1: not valid JSON: a key in double quotes expected, found "}"'],
    ['{\n  "a": 1\n  "b": 2\n}', '3:3: not valid JSON: a comma or "}" expected, found "\\""'],
    ['{"a" 1}', '1:6: not valid JSON: a colon expected, found "1"'],
    ["{'a': 1}", `1:2: not valid JSON: a key in double quotes expected, found "'"`],
    ["[1 2]", '1:4: not valid JSON: a comma or "]" expected, found "2"'],
    ["[1, 2", '1:6: not valid JSON: it ends where a comma or "]" should be'],
    ["[01]", '1:2: not valid JSON: a value expected, found "0"'],
    ["[nul]", '1:2: not valid JSON: a value expected, found "n"'],
    ['["\t"]', '1:2: not valid JSON: a value expected, found "\\""'],
    ["{} x", '1:4: not valid JSON: "x" after the end'],
    ["// no\n{}", '1:1: not valid JSON: a value expected, found "/"'],
    ['{"ä": 1,\n "é😀": x}', '2:8: not valid JSON: a value expected, found "x"'],
    ['{"a": 1, "a": 2}', '1:10: not valid JSON: the key "a" is given twice'],
    ["\ufeff{}", "1:1: not valid JSON: it starts with a byte order mark"],
  ])("says where %j is wrong", (text, message) => {
    const [, line, column] = /^(\d+):(\d+): /.exec(message) ?? [];
    expect(failure(text)).toMatchObject({
      code: "manifest",
      message: `a.json:${message}`,
      problems: [{ file: "a.json", line: Number(line), column: Number(column) }],
    });
  });

  it("knows where each value is, or its nearest parent", () => {
    const source = readJson('{\n  "a": {"b": [1,\n    {"c": 2}]}\n}', "a.json");
    expect(source.value).toEqual({ a: { b: [1, { c: 2 }] } });
    expect(source.locate([])).toEqual({ line: 1, column: 1 });
    expect(source.locate(["a"])).toEqual({ line: 2, column: 3 });
    expect(source.locate(["a", "b", 0])).toEqual({ line: 2, column: 15 });
    expect(source.locate(["a", "b", 1, "c"])).toEqual({ line: 3, column: 6 });
    expect(source.locate(["a", "missing", "x"])).toEqual({ line: 2, column: 3 });
  });

  it("reads whatever JSON.stringify writes", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (text) => {
        const own = readJson(JSON.stringify(JSON.parse(text), null, 1), "a.json").value;
        expect(own).toEqual(JSON.parse(text));
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it("refuses what JSON.parse refuses", () => {
    fc.assert(
      fc.property(
        fc.json({ maxDepth: 2 }),
        fc.nat(),
        fc.constantFrom("", ",", "}", '"', "x", "0", "\\"),
        (json, at, bad) => {
          const text = json.slice(0, at % (json.length + 1)) + bad + json.slice((at % (json.length + 1)) + 1);
          let valid = true;
          try {
            JSON.parse(text);
          } catch {
            valid = false;
          }
          if (!valid) expect(failure(text)).toMatchObject({ code: "manifest" });
        },
      ),
      { numRuns: 500, seed: 1 },
    );
  });
});
