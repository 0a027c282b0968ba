import { statSync } from "node:fs";
import { relative } from "node:path";
import { FledgeError, isFledgeError } from "../../lib/errors.ts";
import type { ManifestCheck } from "../../volant/check.ts";
import type { Command } from "../commands.ts";
import { problemLines } from "../render/error.ts";
import { line, print, printJson, say } from "../terminal.ts";

export const check: Command = {
  meta: { name: "check", description: "Apply Volant's rules to manifests" },
  args: {
    files: {
      type: "positional",
      required: false,
      valueHint: "FILE|DIR...",
      description: "Manifests (JSON), or folders whose plugins' manifests are meant (default: this one)",
    },
    json: { type: "boolean", description: "Print the findings as JSON" },
    quiet: { type: "boolean", alias: "q", description: "Say nothing when all is well" },
  },
  examples: [
    ["web.manifest.json", "exits 1 and lists every problem"],
    ["*.manifest.json --json", "for scripts"],
    ["", "those that the config or workspace in this folder has built"],
  ],
  async run({ args }) {
    const files = await manifestsOf(args._ as string[]);
    const [{ checkManifestFile }, { urlNote }] = await Promise.all([
      import("../../volant/check.ts"),
      import("../../volant/commands.ts"),
    ]);
    const reports = await Promise.all(
      files.map(async (file) => {
        const { problems, warnings, manifest } = await checkManifestFile(file, { artifacts: true }).catch(unreadable);
        const note = manifest && urlNote(manifest);
        return { file, problems, warnings, ...(note !== undefined && { note }) };
      }),
    );
    const failed = reports.some(({ problems }) => problems.length > 0);
    if (args.json) {
      printJson(reports, 2);
      return failed ? 1 : 0;
    }
    for (const { file, problems, warnings, note } of reports) {
      if (problems.length === 0 && !args.quiet) {
        print([line`${file}: Volant accepts it${note === undefined ? "" : `, ${note}`}`]);
      }
      for (const problem of problems) say(problemLines({ file, ...problem }));
      for (const { message, hint } of warnings) {
        say(problemLines({ file, message: `warning: ${message}`, ...(hint && { hint }) }));
      }
    }
    return failed ? 1 : 0;
  },
};

/** The files that were named, and for a folder where the builds of its config put their manifests. */
async function manifestsOf(targets: readonly string[]): Promise<string[]> {
  const [{ configIn }, { loadTargets }, { plan }] = await Promise.all([
    import("../../config/find.ts"),
    import("../targets.ts"),
    import("../../pipeline/plan.ts"),
  ]);
  if (targets.length === 0 && configIn(process.cwd()) === undefined) {
    throw new FledgeError("usage", "fledge check needs at least one FILE, since there is no config in this folder");
  }
  const files: string[] = [];
  for (const target of targets.length === 0 ? ["."] : targets) {
    const isFolder = statSync(target, { throwIfNoEntry: false })?.isDirectory() ?? false;
    const plugins = isFolder ? await loadTargets({ _: [target] }) : [];
    const planned = plugins.flatMap((plugin) => plan(plugin).outputs.manifest ?? []);
    files.push(...(isFolder ? planned.map((file) => relative("", file)) : [target]));
  }
  return files;
}

/** A file that cannot be read or is not JSON: a finding like any other, so that the other files are checked too. */
function unreadable(error: unknown): ManifestCheck {
  if (!isFledgeError(error)) throw error;
  const { message, hint, problems } = error;
  return {
    problems: problems.length > 0 ? problems : [{ message, ...(hint !== undefined && { hint }) }],
    warnings: [],
  };
}
