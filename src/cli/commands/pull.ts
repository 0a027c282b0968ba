import { FledgeError } from "../../lib/errors.ts";
import type { Command } from "../commands.ts";
import { RUN_FLAGS } from "../flags.ts";

type Args = {
  readonly _: readonly string[];
  readonly output?: string;
  readonly platform?: string;
  readonly attached?: boolean;
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly quiet?: boolean;
  readonly "cache-dir"?: string;
};

export const pull: Command = {
  meta: { name: "pull", description: "Fetch a plugin that fledge has pushed, ready to be installed" },
  args: {
    reference: {
      type: "positional",
      required: false,
      valueHint: "REF",
      description: "REGISTRY/REPOSITORY[:TAG][@DIGEST]",
    },
    output: { type: "string", alias: "o", valueHint: "DIR", description: "Folder for its files (default: this one)" },
    platform: {
      type: "string",
      valueHint: "OS/ARCH",
      description: "Which of several platforms (default: this machine's)",
    },
    attached: { type: "boolean", description: "Also the files that were attached to it" },
    json: { type: "boolean", description: "Print JSON on stdout" },
    ...RUN_FLAGS,
  },
  examples: [
    ["registry.example.org/team/web:1.2", "into this folder, with the line that installs it"],
    ["registry.example.org/team/web@sha256:... -o /srv/plugins", "exactly that one"],
  ],
  run: ({ args }) => runPull(args as unknown as Args),
};

async function runPull(args: Args): Promise<number> {
  const [from, ...more] = args._;
  if (from === undefined || more.length > 0) {
    throw new FledgeError("usage", "fledge pull takes one reference", {
      hint: "for instance fledge pull registry.example.org/team/web:1.2",
    });
  }
  const [{ resolve }, { pullPlugin }, { onInterrupt }, { parsePlatform }, { createRenderer }] = await Promise.all([
    import("node:path"),
    import("../../publish/index.ts"),
    import("../interrupt.ts"),
    import("../../lib/platform.ts"),
    import("../render/renderer.ts"),
  ]);
  const signal = onInterrupt();
  const renderer = createRenderer({ ...args, plugins: [from] });
  const options = {
    outDir: resolve(args.output ?? "."),
    platform: args.platform === undefined ? undefined : parsePlatform(args.platform),
    attached: args.attached ?? false,
    signal,
    onEvent: renderer.onEvent,
    cacheDir: args["cache-dir"],
  };
  const pulled = await pullPlugin(from, options).finally(() => renderer.end());
  const { pulledLines } = await import("../render/transfer.ts");
  pulledLines(pulled, args);
  return 0;
}
