import { fledgeVersion } from "../../lib/version.ts";
import type { Command } from "../commands.ts";
import { print, printJson, shown } from "../terminal.ts";

export const version: Command = {
  meta: { name: "version", description: "Print the version of fledge" },
  args: { json: { type: "boolean", description: "Print JSON, with the versions of Node and the platform" } },
  examples: [
    ["", "0.1.0"],
    ["--json", "for bug reports and scripts"],
  ],
  run({ args }) {
    const fledge = fledgeVersion();
    const { version: node, platform, arch } = process;
    if (args.json) printJson({ fledge, node, platform, arch });
    else print([shown(fledge)]);
  },
};
