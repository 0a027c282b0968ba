import { colors } from "consola/utils";
import type { OptionRow, PresetDescription } from "../../presets/describe.ts";

/** A line for each preset, its options below. */
export function renderPresets(presets: readonly PresetDescription[]): string {
  const lines = presets.flatMap(({ name, description, options }) => [
    `${colors.bold(name)}  ${description}`,
    `  ${colors.gray(options.map(({ name, isRequired }) => (isRequired ? name : `[${name}]`)).join(" "))}`,
  ]);
  return `${lines.join("\n")}\n\nfledge presets NAME says more about one.\n`;
}

/** All of one preset: its options as a table, and a config to begin with. */
export function renderPreset({ name, description, module, options, example, readme }: PresetDescription): string {
  return `${[
    `${colors.bold(name)}  ${description}`,
    `import it from ${JSON.stringify(module)}; more is in ${readme}`,
    "",
    colors.cyan("options"),
    ...optionLines(options),
    "",
    colors.cyan("example"),
    ...example
      .trimEnd()
      .split("\n")
      .map((line) => `  ${line}`.trimEnd()),
  ].join("\n")}\n`;
}

function optionLines(options: readonly OptionRow[]): string[] {
  const cells = options.map((option) => [option.name, option.type, remark(option)] as const);
  const [names, types] = [0, 1].map((column) => Math.max(...cells.map((row) => (row[column] ?? "").length)));
  return cells.map(
    ([name, type, text]) => `  ${colors.bold(name.padEnd(names ?? 0))}  ${type.padEnd(types ?? 0)}  ${text}`,
  );
}

function remark({ description, isRequired, default: preset }: OptionRow): string {
  if (isRequired) return `${description} (required)`;
  return preset === undefined ? description : `${description} (default ${JSON.stringify(preset)})`;
}
