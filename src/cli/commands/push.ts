import { FledgeError } from "../../lib/errors.ts";
import { type BuildArgs, buildOptionsOf } from "../build-options.ts";
import type { Command } from "../commands.ts";
import { JOBS_FLAG, LOCK_FLAGS, READING_FLAGS, RUN_FLAGS } from "../flags.ts";

const { filter: _filter, ...RECIPE } = READING_FLAGS;

export const push: Command = {
  meta: { name: "push", description: "Build a plugin and push it to an OCI registry" },
  args: {
    ...RECIPE,
    targets: {
      ...RECIPE.targets,
      valueHint: "[NAME|DIR|FILE] REF",
      description: "The plugin, where there are several, and where it goes: REGISTRY/REPOSITORY[:TAG]",
    },
    ...JOBS_FLAG,
    ...LOCK_FLAGS,
    ...RUN_FLAGS,
  },
  examples: [
    ["registry.example.org/team/web:1.2", "the plugin of the config in this folder"],
    ["web registry.example.org/team/web", "one of several, as latest"],
    ["web registry.example.org/team/web:1.2 --platform linux/amd64,linux/arm64", "for two platforms, under one name"],
    ["web localhost:5000/web --json | tail -1 | jq -r .digest", "what to pin"],
  ],
  run: ({ args }) => runPush(args as unknown as BuildArgs),
};

async function runPush(args: BuildArgs): Promise<number> {
  const words = [...args._];
  const to = words.pop();
  if (to === undefined) {
    throw new FledgeError("usage", "fledge push needs a repository to push to", {
      hint: "for instance fledge push registry.example.org/team/web:1.2",
    });
  }
  const [{ buildAll }, { pushPlugin }, { loadTargets }, { onInterrupt }, { untilAborted }, { createRenderer }] =
    await Promise.all([
      import("../../build.ts"),
      import("../../publish/index.ts"),
      import("../targets.ts"),
      import("../interrupt.ts"),
      import("../../lib/context.ts"),
      import("../render/renderer.ts"),
    ]);
  const signal = onInterrupt();
  const plugins = await untilAborted(loadTargets({ ...args, _: words }), signal);
  const renderer = createRenderer({ ...args, plugins: plugins.map(({ name, label = name }) => label), isPart: true });
  const { onEvent } = renderer;
  try {
    const { results, failures } = await buildAll(plugins, { ...buildOptionsOf(args), signal, onEvent });
    const [failure] = failures;
    if (failure !== undefined) throw failure.error;
    const builds = plugins.flatMap((plugin, index) => {
      const result = results[index];
      return result === undefined ? [] : [{ plugin, result }];
    });
    const { transferring } = await import("../transfer.ts");
    const transfer = {
      plugin: plugins[0]?.name ?? "",
      stage: "push" as const,
      title: `Push to ${to}`,
      signal,
      onEvent,
    };
    const { "cache-dir": cacheDir, offline } = args;
    const pushed = await transferring({ ...transfer, cacheDir, offline }, (ctx) => pushPlugin(builds, to, ctx));
    renderer.end();
    const { pushedLines } = await import("../render/transfer.ts");
    pushedLines(pushed, args);
    return 0;
  } finally {
    renderer.end();
  }
}
