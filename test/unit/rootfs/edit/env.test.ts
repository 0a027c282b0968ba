import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { formatEnv } from "../../../../src/rootfs/edit/env.ts";
import { describeWith, requireTools } from "../../../helpers/requirements.ts";
import { tempDir } from "../../../helpers/temp.ts";

it("quotes what needs it", () => {
  expect(formatEnv({ PORT: 80, ON: true, URL: "http://a/b?c", EMPTY: "", SAY: "it's" })).toBe(
    "PORT=80\nON=true\nURL='http://a/b?c'\nEMPTY=''\nSAY='it'\\''s'\n",
  );
  expect(formatEnv({ A: "b" }, { export: true })).toBe("export A=b\n");
  expect(formatEnv({})).toBe("");
});

it.each(["1A", "A-B", "", "A B", "A=B"])("refuses the name %j", (name) => {
  expect(() => formatEnv({ [name]: "x" })).toThrow(/is not a name for an environment variable/);
});

it("refuses what no environment holds", () => {
  expect(() => formatEnv({ A: "a\0b" })).toThrow("the value of A holds a NUL byte");
});

describeWith("a shell", [requireTools("sh", "busybox")], () => {
  it("reads the very values", () => {
    const values = {
      PLAIN: "a/b-c.d:e,f@g%h+i=j",
      SPACES: "  two  words ",
      QUOTES: `'"\`$(exit 1)$HOME\\`,
      LINES: "first\nsecond\n\ttabbed",
      GLOB: "* ? [a] ~ # ! & ; | < > {a,b}",
      TEXT: "schön \u{1f600}",
      EMPTY: "",
    };
    const file = join(tempDir(), "app.env");
    writeFileSync(file, formatEnv(values));
    for (const shell of [["sh"], ["busybox", "sh"]]) {
      const [program = "", ...args] = shell;
      const names = Object.keys(values).map((name) => `"$${name}"`);
      const out = execFileSync(program, [...args, "-eu", "-c", `. ${file}; printf '%s\\0' ${names.join(" ")}`]);
      expect(out.toString().split("\0").slice(0, -1)).toEqual(Object.values(values));
    }
  });
});
