import { readFileSync } from "node:fs";
import type { Command } from "../commands.ts";

export const version: Command = {
  meta: { name: "version", description: "Print the version of fledge" },
  args: { json: { type: "boolean", description: "Print JSON, with the versions of Node and the platform" } },
  examples: [
    ["", "0.1.0"],
    ["--json", "for bug reports and scripts"],
  ],
  run({ args }) {
    const { version: fledge } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));
    const { version: node, platform, arch } = process;
    process.stdout.write(args.json ? `${JSON.stringify({ fledge, node, platform, arch })}\n` : `${fledge}\n`);
  },
};
