import { relative } from "node:path";
import { colors } from "consola/utils";
import type { MigrateResult } from "../../migrate/migrate.ts";
import type { Command } from "../commands.ts";

type Args = { readonly dir?: string; readonly "dry-run"?: boolean; readonly json?: boolean };

export const migrate: Command = {
  meta: { name: "migrate", description: "Turn fledge.toml and manifest.toml into a fledge.config.ts" },
  args: {
    dir: { type: "positional", required: false, valueHint: "DIR|FILE", description: "Where fledge.toml is" },
    "dry-run": { type: "boolean", description: "Print the config and write nothing" },
    json: { type: "boolean", description: "Print JSON" },
  },
  examples: [
    ["", "writes fledge.config.ts beside fledge.toml, which stays"],
    ["web --dry-run", "prints it"],
  ],
  async run({ args: parsed }) {
    const args = parsed as unknown as Args;
    const { migrateProject } = await import("../../migrate/migrate.ts");
    const dryRun = args["dry-run"] ?? false;
    const result = await migrateProject({ dryRun, ...(args.dir !== undefined && { dir: args.dir }) });
    for (const { message } of args.json ? [] : result.dropped) {
      process.stderr.write(`${colors.yellow("dropped")} ${message}\n`);
    }
    if (args.json) process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
    else process.stdout.write(dryRun ? result.text : report(result));
    return 0;
  },
};

function report({ file, replaces }: MigrateResult): string {
  const old = replaces.map((path) => relative("", path));
  return [
    `${colors.bold(relative("", file))} says the same as ${old.join(" and ")}, and is read in place of fledge.toml`,
    "",
    "next",
    `  fledge plan ${quoted(relative("", file))}`,
    `  rm ${old.map(quoted).join(" ")}`,
    "",
  ].join("\n");
}

/** For a shell. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
