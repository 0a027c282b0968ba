import type { Command } from "../commands.ts";
import { LOOKING_FLAGS, type LookingArgs, TARGET, withImage, wordsOf } from "../inspect-targets.ts";
import { print, printJson } from "../terminal.ts";

export const why: Command = {
  meta: { name: "why", description: "Say who put a file into an artifact or a plugin, and what it replaced" },
  args: {
    target: { ...TARGET, description: "The name of a plugin, or an artifact that this cache knows the build of" },
    path: { type: "positional", required: false, valueHint: "PATH", description: "What is in it, or was" },
    ...LOOKING_FLAGS,
  },
  examples: [
    ["web /etc/nginx/nginx.conf", "a layer with its command, a mapping, a stage or a hook"],
    ["dist/web-rootfs.img /usr/share/doc", "of an artifact, also what was deleted"],
  ],
  run: ({ args }) => explain(args as unknown as LookingArgs),
};

async function explain(args: LookingArgs): Promise<number> {
  const [word = "", path = ""] = wordsOf(args, "why TARGET PATH", { least: 2, most: 2 });
  const [{ explainPath }, { explanationLines }] = await Promise.all([
    import("../../inspect/why.ts"),
    import("../render/why.ts"),
  ]);
  await withImage(word, args, async (reader, signal) => {
    const { "cache-dir": cacheDir } = args;
    const found = await explainPath(reader, path, { signal, ...(cacheDir !== undefined && { cacheDir }) });
    if (args.json) printJson(found, 2);
    else print(explanationLines(found));
  });
  return 0;
}
