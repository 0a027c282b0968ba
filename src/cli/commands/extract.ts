import { FledgeError } from "../../lib/errors.ts";
import type { Command } from "../commands.ts";
import { LOOKING_FLAGS, type LookingArgs, TARGET, withImage, wordsOf } from "../inspect-targets.ts";
import { line, print, printJson, say } from "../terminal.ts";

type Args = LookingArgs & { readonly output?: string };

export const extract: Command = {
  meta: { name: "extract", description: "Take files out of an artifact, an image or a plugin" },
  args: {
    target: TARGET,
    path: {
      type: "positional",
      required: false,
      valueHint: "PATH",
      description: "A folder or file in it (default: /)",
    },
    output: {
      type: "string",
      alias: "o",
      valueHint: "DIR",
      description: "The folder to make; without root, or where it ends in .tar, a tar, which keeps the owners",
    },
    ...LOOKING_FLAGS,
  },
  examples: [
    ["web-rootfs.img -o web", "all of a disk"],
    ["nginx:alpine /etc/nginx -o nginx.tar", "a folder of an image, as a tar"],
  ],
  run: ({ args }) => takeOut(args as unknown as Args),
};

async function takeOut(args: Args): Promise<number> {
  const [word = "", path = "/"] = wordsOf(args, "extract TARGET [PATH] -o DIR", { least: 1, most: 2 });
  const { output: out } = args;
  if (out === undefined || out === "") {
    throw new FledgeError("usage", "fledge extract has to know where to", { hint: "say -o DIR, or -o FILE.tar" });
  }
  const { extractImage } = await import("../../inspect/extract.ts");
  await withImage(word, args, async (reader, signal) => {
    const ctx = {
      ...{ signal, env: process.env, progress: () => {}, log: () => {} },
      warn: ({ message }: { message: string }) => say([line`warning: ${message}`]),
    };
    const made = await extractImage(reader, { path, out }, ctx);
    if (args.json) printJson(made, 2);
    else print([line`${made.path}: ${made.names} names`]);
  });
  return 0;
}
