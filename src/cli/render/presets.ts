import type { OptionRow, PresetDescription } from "../../presets/describe.ts";
import { bold, cyan, gray, line, type Shown, shown } from "../terminal.ts";

/** A line for each preset, its options below. */
export function presetListLines(presets: readonly PresetDescription[]): Shown[] {
  const lines = presets.flatMap(({ name, description, options }) => [
    line`${bold`${name}`}  ${description}`,
    line`  ${gray`${options.map(({ name, isRequired }) => (isRequired ? name : `[${name}]`)).join(" ")}`}`,
  ]);
  return [...lines, line``, line`fledge presets NAME says more about one.`];
}

/** All of one preset: its options as a table, and a config to begin with. */
export function presetLines({ name, description, module, options, example, readme }: PresetDescription): Shown[] {
  return [
    line`${bold`${name}`}  ${description}`,
    line`import it from ${JSON.stringify(module)}; more is in ${readme}`,
    line``,
    cyan`options`,
    ...optionLines(options),
    line``,
    cyan`example`,
    ...example
      .trimEnd()
      .split("\n")
      .map((text) => shown(`  ${text}`.trimEnd())),
  ];
}

function optionLines(options: readonly OptionRow[]): Shown[] {
  const cells = options.map((option) => [shown(option.name), shown(option.type), remark(option)] as const);
  const [names = 0, types = 0] = [0, 1].map((column) => Math.max(...cells.map((row) => shownWidth(row[column]))));
  return cells.map(([name, type, text]) => line`  ${bold`${name}`.padEnd(names)}  ${type.padEnd(types)}  ${text}`);
}

function shownWidth(cell: Shown | string | undefined): number {
  return typeof cell === "object" ? cell.width : 0;
}

function remark({ description, isRequired, default: preset }: OptionRow): string {
  if (isRequired) return `${description} (required)`;
  return preset === undefined ? description : `${description} (default ${JSON.stringify(preset)})`;
}
