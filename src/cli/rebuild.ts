import { join } from "node:path";
import { liveElsewhere } from "../attest/index.ts";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import { onInterrupt, watchProcess } from "./interrupt.ts";
import { reportError } from "./render/error.ts";
import type { RecipeArgs } from "./targets.ts";
import { printJson } from "./terminal.ts";

/** The one argument of this program, in JSON: what `fledge build --verify-reproducible` runs for the second build. */
export type RebuildArgs = {
  readonly args: RecipeArgs;
  readonly offline: boolean;
  /** Another name of the working folder. */
  readonly cwd: string;
  /** Gets a folder for each plugin. */
  readonly outDir: string;
};

const { args, offline, cwd, outDir } = JSON.parse(process.argv[2] ?? "") as RebuildArgs;
liveElsewhere(cwd);
watchProcess();
const signal = onInterrupt();
try {
  const [{ loadTargets }, { buildAll }] = await Promise.all([import("./targets.ts"), import("../build.ts")]);
  const plugins = (await loadTargets(args)).map(elsewhere);
  const { failures } = await buildAll(plugins, { signal, offline, jobs: 1, onEvent: printJson });
  process.exitCode = failures.length > 0 ? 1 : 0;
} catch (error) {
  reportError(error, { json: true, verbose: false });
  process.exitCode = 1;
}
// What a config or a hook left running must not keep it from ending.
process.stdout.write("", () => process.exit());

function elsewhere(plugin: ResolvedPlugin, index: number): ResolvedPlugin {
  const { outFile: _outFile, manifestFile: _manifestFile, ...rest } = plugin;
  return { ...rest, outDir: join(outDir, String(index)) } as ResolvedPlugin;
}
