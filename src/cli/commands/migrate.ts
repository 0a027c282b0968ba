import { relative } from "node:path";
import type { MigrateResult } from "../../migrate/migrate.ts";
import { singleQuoted } from "../../rootfs/edit/env.ts";
import type { Command } from "../commands.ts";
import { bold, line, print, printJson, type Shown, say, shown, yellow } from "../terminal.ts";

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
      say([line`${yellow`dropped`} ${message}`]);
    }
    if (args.json) printJson(result, 2);
    else print(dryRun ? result.text.trimEnd().split("\n").map(shown) : report(result));
    return 0;
  },
};

function report({ file, replaces }: MigrateResult): Shown[] {
  const old = replaces.map((path) => relative("", path));
  return [
    line`${bold`${relative("", file)}`} says the same as ${old.join(" and ")}, and is read in place of fledge.toml`,
    line``,
    line`next`,
    line`  fledge plan ${quoted(relative("", file))}`,
    line`  rm ${old.map(quoted).join(" ")}`,
  ];
}

/** For a shell. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : singleQuoted(path);
}
