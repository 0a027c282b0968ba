import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { ResolvedPlugin } from "../../src/contract/plugin.ts";
import { Disposer } from "../../src/lib/dispose.ts";
import type { BuildEvent } from "../../src/pipeline/events.ts";
import { plan } from "../../src/pipeline/plan.ts";
import { runPlan } from "../../src/pipeline/run.ts";
import { tempDir } from "./temp.ts";

/** Builds and says how it went; nothing is thrown. */
export async function runPlugin<P extends ResolvedPlugin>(
  plugin: P,
  more: { signal?: AbortSignal; disposer?: Disposer; cacheDir?: string } = {},
) {
  const events: BuildEvent[] = [];
  const outcome = await runPlan(plan(plugin), {
    env: {},
    signal: new AbortController().signal,
    epoch: { stampSec: 0, ceilingSec: undefined },
    cacheDir: join(tempDir(), "cache"),
    disposer: new Disposer(),
    onEvent: (event) => events.push(event),
    ...more,
  }).then(
    (result) => ({ result, error: undefined }),
    (error: unknown) => ({ result: undefined, error }),
  );
  const left = existsSync(plugin.outDir) ? readdirSync(plugin.outDir).sort() : [];
  const warnings = events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
  /** The warnings that came after the end. */
  const ended = (): string[] => {
    const all = events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
    return all.slice(warnings.length);
  };
  return { plugin, events, left, warnings, ended, ...outcome };
}
