import { FledgeError } from "../../lib/errors.ts";
import type { Command } from "../commands.ts";
import { RUN_FLAGS } from "../flags.ts";

type Args = {
  readonly _: readonly string[];
  readonly output?: string;
  readonly platform?: string;
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
  const [{ resolve }, { pullPlugin }, { onInterrupt }, { parsePlatform }, { createRenderer }, { transferring }] =
    await Promise.all([
      import("node:path"),
      import("../../publish/index.ts"),
      import("../interrupt.ts"),
      import("../../lib/platform.ts"),
      import("../render/renderer.ts"),
      import("../transfer.ts"),
    ]);
  const signal = onInterrupt();
  const renderer = createRenderer({ ...args, plugins: [from] });
  const options = {
    outDir: resolve(args.output ?? "."),
    platform: args.platform === undefined ? undefined : parsePlatform(args.platform),
  };
  const { onEvent } = renderer;
  const transfer = { plugin: from, stage: "pull" as const, title: `Pull ${from}`, signal, onEvent };
  const pulled = await transferring({ ...transfer, cacheDir: args["cache-dir"] }, (ctx) =>
    pullPlugin(from, options, ctx),
  ).finally(() => renderer.end());
  const { pulledLines } = await import("../render/transfer.ts");
  pulledLines(pulled, args);
  return 0;
}
