import { expect, test } from "vitest";
import { junitXml } from "../../../src/boot/junit.ts";

test("a suite for each plugin, and nothing in it that XML cannot hold", () => {
  const shared = { command: ["qemu", "a&b"], reached: [], report: { exit: "stopped", durationMs: 1500 } } as const;
  const xml = junitXml([
    { plugin: "a", name: "<1>", passed: true, ...shared },
    { plugin: "a", name: "2", passed: false, failure: 'no "x"', console: ["\x1b[1mred\0\ud800", "]]>"], ...shared },
    { plugin: "b", name: "3", passed: true, ...shared },
  ]);
  expect(xml).toContain('<testsuite name="a" tests="2" failures="1" time="3">');
  expect(xml).toContain('<testcase classname="a" name="&lt;1&gt;" time="1.5"/>');
  expect(xml).toContain(
    '<failure message="no &quot;x&quot;">\ufffd[1mred\ufffd\ufffd\n]]&gt;\n\nqemu a&amp;b</failure>',
  );
  expect(xml).toContain('<testsuite name="b" tests="1" failures="0" time="1.5">');
});
