import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { commentLine, objectLiteral } from "../../../src/migrate/literal.ts";

const NO_COMMENTS = { at: () => [], isAround: () => false };

function evaluated(text: string): unknown {
  return new Function(`"use strict"; return (${text});`)();
}

describe("objectLiteral", () => {
  it("is what a person would write", () => {
    const text = objectLiteral(
      {
        name: "web",
        source: { image: "nginx:alpine" },
        mappings: { "./nginx.conf": "/etc/nginx/nginx.conf", "./a-folder/of/some/pages": "/usr/share/nginx/html" },
        manifest: { workload: { entrypoint: ["nginx", "-g"], env: {} }, "odd key": [1, true] },
      },
      NO_COMMENTS,
    );
    expect(text).toBe(`{
  name: "web",
  source: { image: "nginx:alpine" },
  mappings: {
    "./nginx.conf": "/etc/nginx/nginx.conf",
    "./a-folder/of/some/pages": "/usr/share/nginx/html",
  },
  manifest: {
    workload: { entrypoint: ["nginx", "-g"], env: {} },
    "odd key": [1, true],
  },
}`);
  });

  it("breaks an object that a comment belongs into", () => {
    const at = (path: readonly string[]) => (path.join(".") === "a.b" ? ["why", "  so"] : []);
    expect(objectLiteral({ a: { b: 1 } }, { at, isAround: () => true })).toBe(
      "{\n  a: {\n    // why\n    //   so\n    b: 1,\n  },\n}",
    );
  });

  it("keeps several lines readable, and everything else exact", () => {
    const values = {
      script: `#!/bin/sh\necho \`date\` \${HOME} \\ $1\n\tdone\n`,
      one: "ends\n",
      crlf: "a\r\nb",
      quote: '"',
    };
    const text = objectLiteral(values, NO_COMMENTS);
    expect(text).toContain(`script: \`#!/bin/sh\necho \\\`date\\\` \\\${HOME} \\\\ $1\n\tdone\n\`,`);
    expect(evaluated(text)).toEqual(values);
  });

  it("evaluates to what it was made from, whatever that is", () => {
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        fc.string({ unit: "binary" }),
        fc.stringMatching(/^[\n`$${}\\ a]*$/),
        fc.double(),
        fc.boolean(),
        fc.array(tie("any"), { maxLength: 4 }),
        fc.dictionary(fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor", "a-b", "$x")), tie("any"), {
          maxKeys: 4,
          noNullPrototype: true,
        }),
      ),
    })).any;
    fc.assert(
      fc.property(fc.dictionary(fc.string(), value, { noNullPrototype: true }), (object) => {
        expect(evaluated(objectLiteral(object, NO_COMMENTS))).toEqual(object);
      }),
    );
  });

  it("refuses what has no literal", () => {
    expect(() => objectLiteral({ extends: [["./x", { since: new Date(0) }]] }, NO_COMMENTS)).toThrow(
      expect.objectContaining({
        code: "config",
        message: "extends.since holds a date, which has no literal in TypeScript",
      }),
    );
  });
});

it("a comment stays on its line", () => {
  expect(commentLine("a\u2028process.exit()\r")).toBe("// a process.exit()");
  expect(commentLine("")).toBe("//");
});
