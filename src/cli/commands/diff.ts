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
import { print, printJson } from "../terminal.ts";

export const diff: Command = {
  meta: { name: "diff", description: "Say how two artifacts, images or plugins differ" },
  args: {
    a: TARGET,
    b: { ...TARGET, valueHint: "TARGET", description: "What to compare it with" },
    ...HTML_FLAG,
    ...LOOKING_FLAGS,
  },
  examples: [
    ["old.img new.img", "exits 1 when they differ, 2 when one of them cannot be read"],
    ["web nginx:alpine", "what a recipe adds to its image"],
    ["old.img new.img --html diff.html", "a map of both, coloured by what differs"],
    ["old.img new.img --json | jq '.differences[].path'", "for scripts"],
  ],
  failureCode: 2,
  run: ({ args }) => compare(args as unknown as LookingArgs),
};

async function compare(args: LookingArgs): Promise<number> {
  const [one = "", other = ""] = wordsOf(args, "diff TARGET TARGET", { least: 2, most: 2 });
  const [{ diffImages }, { diffLines }] = await Promise.all([
    import("../../inspect/diff.ts"),
    import("../render/inspect.ts"),
  ]);
  return await withImage(one, args, (a) =>
    withImage(other, args, async (b, signal) => {
      const found = await diffImages(a, b, { signal });
      if (args.html !== undefined) {
        const { diffPage } = await import("../../inspect/page/pages.ts");
        await writePage(args.html, diffPage(a, b, found));
      }
      if (args.json) printJson(found, 2);
      else print(diffLines(found));
      return found.isSame ? 0 : 1;
    }),
  );
}
