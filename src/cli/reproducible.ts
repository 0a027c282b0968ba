import { fileURLToPath } from "node:url";
import { type BuildDifference, differencesOf, type Rebuilt, rebuildElsewhere } from "../attest/index.ts";
import type { BuildResult } from "../contract/result.ts";
import { isOffline } from "../lib/context.ts";
import { Disposer } from "../lib/dispose.ts";
import { FledgeError } from "../lib/errors.ts";
import type { BuildEvent } from "../pipeline/events.ts";
import { originText } from "../rootfs/origin.ts";
import { resolveCacheDir } from "../store/cache-dir.ts";
import type { BuildArgs } from "./build-options.ts";
import type { RebuildArgs } from "./rebuild.ts";
import { reportError } from "./render/error.ts";
import { createRenderer } from "./render/renderer.ts";
import { gray, green, line, print, printJson } from "./terminal.ts";

const REBUILD = fileURLToPath(new URL("./rebuild.js", import.meta.url));

/**
 * Builds again, elsewhere, what was just built, and says of each plugin whether that made the same bytes; returns the exit
 * code. Throws when the second build fails.
 */
export async function verifyReproducible(
  results: readonly BuildResult[],
  args: BuildArgs,
  signal: AbortSignal,
): Promise<number> {
  const disposer = new Disposer();
  const cacheDir = resolveCacheDir(process.env, args["cache-dir"]);
  try {
    const again = await rebuild(results, args, { cacheDir, disposer, signal });
    let code = 0;
    for (const [index, result] of results.entries()) {
      const second = again.results[index];
      if (second === undefined) throw new FledgeError("verify", `a second build makes no ${labelOf(result)}`);
      const differences = await differencesOf(
        { result, cacheDir, cwd: process.cwd() },
        { result: second, cacheDir: again.cacheDir, cwd: again.cwd },
        signal,
      );
      if (differences.length > 0) code = 1;
      report(result, differences, args);
    }
    return code;
  } finally {
    await disposer.dispose();
  }
}

type Around = { readonly cacheDir: string; readonly disposer: Disposer; readonly signal: AbortSignal };

async function rebuild(results: readonly BuildResult[], args: BuildArgs, around: Around): Promise<Rebuilt> {
  // Of its lines those that say how far it is; all else the first build has said.
  const isProgress = ({ type }: BuildEvent): boolean => type.startsWith("stage:");
  const plugins = results.map((result) => `${labelOf(result)}, again`);
  const renderer = createRenderer({ ...args, plugins, isPart: true });
  const offline = args.offline ?? false;
  return await rebuildElsewhere({
    ...around,
    command: (places) => {
      const all: RebuildArgs = { args, offline, ...places };
      return [process.execPath, REBUILD, JSON.stringify(all)];
    },
    cwd: process.cwd(),
    env: process.env,
    isOffline: offline || isOffline(process.env),
    onEvent: (event) => {
      if (!args.json && isProgress(event)) renderer.onEvent({ ...event, plugin: `${event.plugin}, again` });
    },
  }).finally(() => renderer.end());
}

function report(
  result: BuildResult,
  differences: readonly BuildDifference[],
  { json = false, quiet }: BuildArgs,
): void {
  const label = labelOf(result);
  const { digest } = result.artifact;
  if (differences.length > 0) {
    reportError(notReproducible(differences), { json, verbose: false, plugin: label });
  } else if (json) {
    printJson({ type: "reproducible", plugin: label, digest });
  } else if (!quiet) {
    print([
      line`${green`✔`} ${label} is reproducible: elsewhere a second build makes the same bytes  ${gray`${digest}`}`,
    ]);
  }
}

const MOST_SHOWN = 20;

function notReproducible(differences: readonly BuildDifference[]): FledgeError {
  const more = differences.length - MOST_SHOWN;
  return new FledgeError("verify", "it is not reproducible: a second build makes something else", {
    problems: [
      ...differences.slice(0, MOST_SHOWN).map(({ what, how, origin }) => ({
        message: `${what} ${how}${origin === undefined ? "" : `; it is from ${originText(origin)}`}`,
      })),
      ...(more > 0 ? [{ message: `${more} more` }] : []),
    ],
    hint: "what depends on the time, a random number, the order of a folder, a zone, an umask or a name of a folder does so",
  });
}

function labelOf({ name, label = name }: BuildResult): string {
  return label;
}
