import { statSync } from "node:fs";
import type { ArgsDef } from "citty";
import type { ImageReader } from "../inspect/reader.ts";
import { FledgeError } from "../lib/errors.ts";
import { RECIPE_FLAGS, RUN_FLAGS } from "./flags.ts";
import { onInterrupt } from "./interrupt.ts";
import { line, say } from "./terminal.ts";

/** The flags of every command that looks into an image. */
export const LOOKING_FLAGS = {
  platform: {
    type: "string",
    valueHint: "OS/ARCH",
    description: "Of an image that is for several (default: the host's)",
  },
  config: RECIPE_FLAGS.config,
  "cache-dir": RUN_FLAGS["cache-dir"],
  json: RECIPE_FLAGS.json,
} as const satisfies ArgsDef;

/** Of those that have a picture of it. */
export const HTML_FLAG = {
  html: { type: "string", valueHint: "FILE", description: "Write a page to look at in a browser as well" },
} as const satisfies ArgsDef;

/** What an image is named by, in the help of a command. */
export const TARGET = {
  type: "positional",
  required: false,
  valueHint: "TARGET",
  description: "An artifact, a folder, an image (nginx:alpine, oci:DIR, an archive), or the name of a plugin",
} as const;

export type LookingArgs = {
  readonly _: readonly string[];
  readonly platform?: string;
  readonly config?: string;
  readonly "cache-dir"?: string;
  readonly json?: boolean;
  readonly html?: string;
};

/** The words of a command line, as many as it takes. Throws a `usage` error that says how it is called. */
export function wordsOf(args: LookingArgs, usage: string, { least, most }: { least: number; most: number }): string[] {
  if (args._.length >= least && args._.length <= most) return [...args._];
  throw new FledgeError("usage", `it is called as: fledge ${usage}`);
}

/** Opens what a word means, hands it to `body`, and closes it whatever happens. */
export async function withImage<T>(
  word: string,
  args: LookingArgs,
  body: (reader: ImageReader, signal: AbortSignal) => Promise<T> | T,
): Promise<T> {
  const signal = onInterrupt();
  const { openImage } = await import("../inspect/open.ts");
  const reader = await openImage((await pluginNamed(word, args)) ?? word, {
    signal,
    env: process.env,
    ...(args["cache-dir"] !== undefined && { cacheDir: args["cache-dir"] }),
    ...(args.platform !== undefined && { platform: args.platform }),
    onWarning: ({ message }) => say([line`warning: ${message}`]),
  });
  try {
    return await body(reader, signal);
  } finally {
    await reader.close();
  }
}

/** Writes a page beside what is printed. */
export async function writePage(file: string, page: string): Promise<void> {
  const { writeFileAtomically } = await import("../lib/files/atomic.ts");
  if (file === "") throw new FledgeError("usage", "--html needs the name of a file");
  await writeFileAtomically(file, page);
  say([line`${file} is written`]);
}

/** A plugin of this folder's config or workspace; what is there as a file goes before it. */
async function pluginNamed(word: string, { config, platform }: LookingArgs) {
  if (/[/:]/.test(word) || statSync(word, { throwIfNoEntry: false }) !== undefined) return undefined;
  const { configIn } = await import("../config/find.ts");
  if (config === undefined && configIn(process.cwd()) === undefined) return undefined;
  const { loadTargets } = await import("./targets.ts");
  const plugins = await loadTargets({
    _: [],
    ...(config !== undefined && { config }),
    ...(platform !== undefined && { platform }),
  });
  return plugins.find(({ name, label = name }) => label === word || name === word);
}
