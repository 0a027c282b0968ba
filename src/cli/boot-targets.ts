import { statSync } from "node:fs";
import type { BootSubject } from "../boot/subject.ts";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import type { BuildResult } from "../contract/result.ts";
import { untilAborted } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import type { BootArgs } from "./boot-options.ts";
import { buildOptionsOf } from "./build-options.ts";
import { isDockerfile } from "./dockerfile.ts";

type Target = { readonly subject: BootSubject; readonly recipe?: ResolvedPlugin };

/** What `fledge boot` is to boot: an artifact as it is, or the one plugin that is meant, built. */
export async function targetOf(args: BootArgs & { readonly print?: boolean }, signal: AbortSignal): Promise<Target> {
  const [word, ...more] = args._;
  if (word !== undefined && more.length === 0 && isArtifact(word)) return { subject: word };
  const { loadTargets } = await import("./targets.ts");
  const plugins = await untilAborted(loadTargets(args), signal);
  const [plugin, ...others] = plugins;
  if (plugin === undefined || others.length > 0) {
    throw new FledgeError("usage", `fledge boot boots one plugin, and ${plugins.length} are meant`, {
      hint: `name one of them: ${plugins.map(({ label, name }) => label ?? name).join(", ")}`,
    });
  }
  const built = args.print ? undefined : await builtOf(plugin, args, signal);
  return { subject: built ?? plugin, recipe: plugin };
}

/** The build of a plugin; undefined where what is there is to be taken. */
export async function builtOf(
  plugin: ResolvedPlugin,
  args: BootArgs,
  signal: AbortSignal,
): Promise<BuildResult | undefined> {
  if (args["skip-build"]) return undefined;
  const [{ build }, { createRenderer }] = await Promise.all([import("../build.ts"), import("./render/renderer.ts")]);
  const renderer = createRenderer({ ...args, plugins: [plugin.name], isPart: true });
  const { jobs: _jobs, ...options } = buildOptionsOf(args);
  return await build(plugin, { ...options, signal, onEvent: renderer.onEvent }).finally(() => renderer.end());
}

/** A file that is no recipe. */
function isArtifact(word: string): boolean {
  const isFile = statSync(word, { throwIfNoEntry: false })?.isFile() ?? false;
  if (word.endsWith(".manifest.json")) return true;
  return isFile && !isDockerfile(word) && !/\.([cm]?[jt]s|toml|json)$/.test(word);
}
