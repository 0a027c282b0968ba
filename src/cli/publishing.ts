import { type BuildAllOptions, buildAll } from "../build.ts";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import type { Built } from "../publish/index.ts";
import type { TransferOptions } from "../publish/transfer.ts";
import { type BuildArgs, buildOptionsOf } from "./build-options.ts";
import { onInterrupt } from "./interrupt.ts";
import { createRenderer } from "./render/renderer.ts";

/**
 * Builds, and then sends what was built, with the progress of both. Several plugins are built before any is sent: one that
 * fails keeps all of them at home. Throws the first failure.
 */
export async function buildAndSend<T>(
  load: (signal: AbortSignal) => Promise<readonly ResolvedPlugin[]>,
  args: BuildArgs,
  send: (builds: readonly Built[], options: TransferOptions) => Promise<T>,
): Promise<T> {
  const signal = onInterrupt();
  const plugins = await load(signal);
  const renderer = createRenderer({ ...args, plugins: plugins.map(({ name, label = name }) => label), isPart: true });
  const { onEvent } = renderer;
  const { "cache-dir": cacheDir, offline } = args;
  try {
    const options: BuildAllOptions = { ...buildOptionsOf(args), signal, onEvent };
    const { results, failures } = await buildAll(plugins, options);
    const [failure] = failures;
    if (failure !== undefined) throw failure.error;
    const builds = plugins.map((plugin, index): Built => ({ plugin, result: results[index] as Built["result"] }));
    return await send(builds, { signal, onEvent, cacheDir, offline });
  } finally {
    renderer.end();
  }
}
