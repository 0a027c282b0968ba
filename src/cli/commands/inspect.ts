import type { Command } from "../commands.ts";
import { LOOKING_FLAGS, type LookingArgs, TARGET, withImage, wordsOf } from "../inspect-targets.ts";
import { print, printJson } from "../terminal.ts";

export const inspect: Command = {
  meta: {
    name: "inspect",
    description: "Say what an artifact, an image or a plugin is, and what in it is worth a look",
  },
  args: { target: TARGET, ...LOOKING_FLAGS },
  examples: [
    ["web-rootfs.img", "sizes, what is free, setuid files, private keys, packages"],
    ["web --json | jq '.packages[].name'", "of a plugin, as data"],
  ],
  run: ({ args }) => report(args as unknown as LookingArgs),
};

async function report(args: LookingArgs): Promise<number> {
  const [word = ""] = wordsOf(args, "inspect TARGET", { least: 1, most: 1 });
  const [{ inspectImage }, { reportLines }] = await Promise.all([
    import("../../inspect/inspect.ts"),
    import("../render/inspect.ts"),
  ]);
  await withImage(word, args, (reader, signal) => {
    const found = inspectImage(reader, { signal });
    if (args.json) printJson(found, 2);
    else print(reportLines(found));
  });
  return 0;
}
