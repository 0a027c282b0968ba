import type { Warning } from "../../lib/context.ts";
import { FledgeError, isFledgeError, type Problem } from "../../lib/errors.ts";
import type { Command } from "../commands.ts";
import { problemLines } from "../render/error.ts";

export const check: Command = {
  meta: { name: "check", description: "Apply Volant's rules to manifests" },
  args: {
    files: { type: "positional", required: false, valueHint: "FILE...", description: "Manifests (JSON)" },
    json: { type: "boolean", description: "Print the findings as JSON" },
    quiet: { type: "boolean", alias: "q", description: "Say nothing when all is well" },
  },
  examples: [
    ["web.manifest.json", "exits 1 and lists every problem"],
    ["*.manifest.json --json", "for scripts"],
  ],
  async run({ args }) {
    const files = args._ as string[];
    if (files.length === 0) throw new FledgeError("usage", "fledge check needs at least one FILE");
    const { checkManifestFile } = await import("../../volant/check.ts");
    const reports = await Promise.all(
      files.map(async (file) => {
        const { problems, warnings } = await checkManifestFile(file, { artifacts: true }).catch(unreadable);
        return { file, problems, warnings };
      }),
    );
    const failed = reports.some(({ problems }) => problems.length > 0);
    if (args.json) {
      process.stdout.write(`${JSON.stringify(reports, undefined, 2)}\n`);
      return failed ? 1 : 0;
    }
    for (const { file, problems, warnings } of reports) {
      if (problems.length === 0 && !args.quiet) process.stdout.write(`${file}: Volant accepts it\n`);
      for (const problem of problems) process.stderr.write(`${problemLines({ file, ...problem }).join("\n")}\n`);
      for (const { message, hint } of warnings) {
        process.stderr.write(
          `${problemLines({ file, message: `warning: ${message}`, ...(hint && { hint }) }).join("\n")}\n`,
        );
      }
    }
    return failed ? 1 : 0;
  },
};

/** A file that cannot be read or is not JSON: a finding like any other, so that the other files are checked too. */
function unreadable(error: unknown): { problems: readonly Problem[]; warnings: readonly Warning[] } {
  if (!isFledgeError(error)) throw error;
  const { message, hint, problems } = error;
  return {
    problems: problems.length > 0 ? problems : [{ message, ...(hint !== undefined && { hint }) }],
    warnings: [],
  };
}
