import { relative } from "node:path";
import type { InitResult } from "../../init/init.ts";
import { bold, cyan, gray, green, line, type Shown, shown, yellow } from "../terminal.ts";

/** What was written, what was left alone, and what to do next. */
export function initLines({ dir, name, template, written, kept, warnings }: InitResult): Shown[] {
  const folder = relative("", dir);
  const lines = [line`${bold`${name}`} is there, from the template ${template}`];
  for (const path of written) lines.push(line`  ${green`+`} ${path}`);
  for (const { path, todo } of kept)
    lines.push(line`  ${gray`=`} ${path} kept${todo === undefined ? "" : `: ${todo}`}`);
  for (const { message, hint } of warnings) {
    lines.push(line`${yellow`warning`} ${message}`);
    if (hint !== undefined) lines.push(line`  ${cyan`hint`} ${hint}`);
  }
  const steps = [
    ...(folder === "" ? [] : [[`cd ${folder}`, ""]]),
    ["npm install", "pins fledge, and the editor completes every key"],
    ...(template === "preset" ? [["npm test", "builds it and looks at the result"]] : [["npx fledge build", ""]]),
  ];
  const width = Math.max(...steps.map(([command = ""]) => shown(command).width));
  const rows = steps.map(([command = "", why = ""]) =>
    why === "" ? line`  ${command}` : line`  ${shown(command).padEnd(width)}  ${gray`${why}`}`,
  );
  return [...lines, line``, line`next`, ...rows];
}
