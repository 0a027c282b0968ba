import type { BootEvent } from "../../boot/boot.ts";
import type { BootTestEvent, BootTestResult } from "../../boot/test.ts";
import { bold, gray, green, line, print, printJson, red, type Shown, say } from "../terminal.ts";
import { inSeconds } from "./boot.ts";
import { warningLines } from "./warning.ts";

/** Shows boot tests: a line for each, and of one that failed all that tells why; with `json` an event per line. */
export type TestRenderer = {
  readonly onEvent: (event: BootEvent | BootTestEvent) => void;
  end(results: readonly BootTestResult[]): void;
};

type Options = { readonly json?: boolean; readonly quiet?: boolean; readonly verbose?: boolean };

export function testRenderer({ json, quiet, verbose }: Options): TestRenderer {
  if (json) return { onEvent: printJson, end: () => {} };
  let isSlowSaid = false;
  return {
    onEvent(event) {
      if (event.type === "test:start" && !quiet) say([gray`${event.plugin}: ${event.name} ...`]);
      if (event.type === "boot:prepare") say(event.warnings.flatMap(warningLines));
      if (event.type === "boot:prepare" && event.accelerator === "tcg" && !isSlowSaid && !quiet) {
        isSlowSaid = true;
        say([gray`QEMU, emulated, so that all budgets are five times as long: ${event.why ?? ""}`]);
      }
      if (event.type === "boot:console" && verbose) say([gray`  ${event.line}`]);
      if (event.type === "test:done" && !(event.passed && quiet)) print(resultLines(event));
    },
    end(results) {
      const failed = results.filter(({ passed }) => !passed).length;
      if (!quiet) print([line`${results.length - failed} passed, ${failed} failed`]);
    },
  };
}

function resultLines({ plugin, name, failure, report, ...result }: BootTestResult): Shown[] {
  const took = gray`${inSeconds(report.durationMs)}`;
  if (failure === undefined) return [line`${green`✔`} ${bold`${plugin}`}: ${name} ${took}`];
  const { reached, console = [], command } = result;
  const first =
    report.firstOutputMs === undefined ? "no output" : `first line after ${inSeconds(report.firstOutputMs)}`;
  const times = [first, ...reached.map(({ what, atMs }) => `${what} after ${inSeconds(atMs)}`)];
  return [
    line`${red`✖`} ${bold`${plugin}`}: ${name} ${took}`,
    line`  ${failure}`,
    line`  times    ${times.join(", ")}, ${report.exit} after ${inSeconds(report.durationMs)}`,
    line`  command  ${command.join(" ")}`,
    line`  console, its end:`,
    ...console.map((text) => gray`    ${text}`),
  ];
}
