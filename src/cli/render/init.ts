import { relative } from "node:path";
import { colors } from "consola/utils";
import type { InitResult } from "../../init/init.ts";

/** What was written, what was left alone, and what to do next. */
export function renderInit({ dir, name, template, written, kept, warnings }: InitResult): string {
  const folder = relative("", dir);
  const lines = [`${colors.bold(name)} is there, from the template ${template}`];
  for (const path of written) lines.push(`  ${colors.green("+")} ${path}`);
  for (const { path, todo } of kept)
    lines.push(`  ${colors.gray("=")} ${path} kept${todo === undefined ? "" : `: ${todo}`}`);
  for (const { message, hint } of warnings) {
    lines.push(`${colors.yellow("warning")} ${message}`);
    if (hint !== undefined) lines.push(`  ${colors.cyan("hint")} ${hint}`);
  }
  const steps = [
    ...(folder === "" ? [] : [[`cd ${folder}`, ""]]),
    ["npm install", "pins fledge, and the editor completes every key"],
    ...(template === "preset" ? [["npm test", "builds it and looks at the result"]] : [["npx fledge build", ""]]),
  ];
  const width = Math.max(...steps.map(([command = ""]) => command.length));
  const rows = steps.map(
    ([command = "", why]) => `  ${why ? `${command.padEnd(width)}  ${colors.gray(why)}` : command}`,
  );
  return `${[...lines, "", "next", ...rows].join("\n")}\n`;
}
