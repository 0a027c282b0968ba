import type { Command } from "../commands.ts";
import { LOOKING_FLAGS, type LookingArgs, TARGET, withImage, wordsOf } from "../inspect-targets.ts";
import { print, printJson } from "../terminal.ts";

type Args = LookingArgs & { readonly long?: boolean; readonly recursive?: boolean };

export const ls: Command = {
  meta: { name: "ls", description: "List the files in an artifact, an image or a plugin" },
  args: {
    target: TARGET,
    path: {
      type: "positional",
      required: false,
      valueHint: "PATH",
      description: "A folder or file in it (default: /)",
    },
    long: { type: "boolean", alias: "l", description: "With modes, owners, sizes and times" },
    recursive: { type: "boolean", alias: "R", description: "With all that is below" },
    ...LOOKING_FLAGS,
  },
  examples: [
    ["web-rootfs.img /etc -l", "of a disk, without mounting it"],
    ["nginx:alpine -R", "all files of an image"],
    ["web /app", "of the plugin web as it would be built"],
  ],
  run: ({ args }) => list(args as unknown as Args),
};

async function list(args: Args): Promise<number> {
  const [word = "", path = "/"] = wordsOf(args, "ls TARGET [PATH] [-l] [-R]", { least: 1, most: 2 });
  const { long = false, recursive = false, json = false } = args;
  const [{ listImage }, { listedLines }] = await Promise.all([
    import("../../inspect/list.ts"),
    import("../render/inspect.ts"),
  ]);
  await withImage(word, args, (reader) => {
    const entries = [...listImage(reader, path, { recursive })];
    if (json) printJson(entries, 2);
    else print(listedLines(entries, { long, recursive }));
  });
  return 0;
}
