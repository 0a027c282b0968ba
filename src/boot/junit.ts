import type { BootTestResult } from "./test.ts";

/** The results as JUnit's XML, which CI systems show: a suite for each plugin, a case for each test. */
export function junitXml(results: readonly BootTestResult[]): string {
  const plugins = [...new Set(results.map(({ plugin }) => plugin))];
  const suites = plugins.map((plugin) =>
    suite(
      plugin,
      results.filter((result) => result.plugin === plugin),
    ),
  );
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.join("")}</testsuites>\n`;
}

function suite(plugin: string, results: readonly BootTestResult[]): string {
  const failures = results.filter(({ passed }) => !passed).length;
  const seconds = results.reduce((sum, { report }) => sum + report.durationMs, 0) / 1000;
  const head = `<testsuite name=${attribute(plugin)} tests="${results.length}" failures="${failures}" time="${seconds}">`;
  return `  ${head}\n${results.map(testCase).join("")}  </testsuite>\n`;
}

function testCase({ plugin, name, failure, console = [], command, report }: BootTestResult): string {
  const head = `<testcase classname=${attribute(plugin)} name=${attribute(name)} time="${report.durationMs / 1000}"`;
  if (failure === undefined) return `    ${head}/>\n`;
  const details = escaped([...console, "", command.join(" ")].join("\n"));
  return `    ${head}>\n      <failure message=${attribute(failure)}>${details}</failure>\n    </testcase>\n`;
}

function attribute(text: string): string {
  return `"${escaped(text).replaceAll("\n", "&#10;")}"`;
}

// What XML 1.0 has no way to write (section 2.2): most control characters, surrogates alone, and two more.
const ILLEGAL =
  /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function escaped(text: string): string {
  return text
    .replace(ILLEGAL, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
