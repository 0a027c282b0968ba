import type { Command } from "../commands.ts";
import {
  HTML_FLAG,
  LOOKING_FLAGS,
  type LookingArgs,
  TARGET,
  withImage,
  wordsOf,
  writePage,
} from "../inspect-targets.ts";
import { print, printJson, say } from "../terminal.ts";

export const inspect: Command = {
  meta: {
    name: "inspect",
    description: "Say what an artifact, an image or a plugin is, and what in it is worth a look",
  },
  args: { target: TARGET, ...HTML_FLAG, ...LOOKING_FLAGS },
  examples: [
    ["web-rootfs.img", "sizes, what is free, setuid files, private keys, packages"],
    ["web-rootfs.img --html web.html", "a map of it by folder, coloured by origin, with a search"],
    ["web --json | jq '.packages[].name'", "of a plugin, as data"],
  ],
  run: ({ args }) => report(args as unknown as LookingArgs),
};

async function report(args: LookingArgs): Promise<number> {
  const [word = ""] = wordsOf(args, "inspect TARGET", { least: 1, most: 1 });
  const [{ inspectImage }, { reportLines }, { warningLines }] = await Promise.all([
    import("../../inspect/inspect.ts"),
    import("../render/inspect.ts"),
    import("../render/warning.ts"),
  ]);
  await withImage(word, args, async (reader, signal) => {
    const found = inspectImage(reader, { signal });
    if (args.html !== undefined) {
      const [{ inspectPage }, { originsOf }] = await Promise.all([
        import("../../inspect/page/pages.ts"),
        import("../../inspect/why.ts"),
      ]);
      const { "cache-dir": cacheDir } = args;
      const origins = await originsOf(reader, { signal, ...(cacheDir !== undefined && { cacheDir }) });
      await writePage(args.html, inspectPage(reader, found, origins));
    }
    if (args.json) printJson(found, 2);
    else print(reportLines(found));
    say(found.warnings.flatMap(warningLines));
  });
  return 0;
}
