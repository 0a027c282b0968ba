import { renderUsage } from "citty";
import { colors } from "consola/utils";
import type { Command } from "./commands.ts";

/** The page that `fledge --help` prints. */
export async function renderOverview(commands: Readonly<Record<string, () => Promise<Command>>>): Promise<string> {
  const rows: string[] = [];
  for (const [name, load] of Object.entries(commands)) {
    rows.push(`  ${colors.cyan(name.padEnd(10))} ${(await load()).meta.description}`);
  }
  return `${[
    "fledge builds boot artifacts for Volant plugins: a bootable disk image or an initramfs, and its manifest.",
    "",
    `${heading("USAGE")} fledge <command> [arguments] [flags]`,
    "",
    heading("COMMANDS"),
    ...rows,
    "",
    heading("EXAMPLES"),
    ...exampleRows([
      ["fledge build", "build the recipe in this folder"],
      ["fledge plan --json", "what a build would do, as data"],
      ["fledge check web.manifest.json", "would Volant accept this manifest?"],
    ]),
    "",
    "fledge <command> --help says more about a command.",
  ].join("\n")}\n`;
}

/** The help of one command: citty's page, and examples. */
export async function renderHelp(command: Command, name: string): Promise<string> {
  const { examples, ...definition } = command;
  const usage = await renderUsage(definition, { meta: { name: "fledge" } });
  return `${usage.trimEnd()}\n\n${heading("EXAMPLES")}\n${exampleRows(examples.map(([args, what]) => [`fledge ${name} ${args}`.trimEnd(), what])).join("\n")}\n`;
}

function exampleRows(examples: readonly (readonly [command: string, what: string])[]): string[] {
  const width = Math.max(...examples.map(([command]) => command.length));
  return examples.map(([command, what]) => `  ${command.padEnd(width)}  ${colors.gray(what)}`);
}

function heading(text: string): string {
  return colors.bold(colors.underline(text));
}
