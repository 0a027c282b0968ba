import type { BuildArgs } from "../build-options.ts";
import type { Command } from "../commands.ts";
import { JOBS_FLAG, LOCK_FLAGS, READING_FLAGS, RUN_FLAGS } from "../flags.ts";

export const publish: Command = {
  meta: { name: "publish", description: "Build plugins and take them to all that publish.to of their config names" },
  args: { ...READING_FLAGS, ...JOBS_FLAG, ...LOCK_FLAGS, ...RUN_FLAGS },
  examples: [
    ["", "all plugins of this folder: registries, folders, buckets"],
    ["web --platform linux/amd64,linux/arm64", "one of them, for two platforms"],
    ["--json | jq -c .locations", "what can be installed or pulled now"],
  ],
  run: ({ args }) => runPublish(args as unknown as BuildArgs),
};

async function runPublish(args: BuildArgs): Promise<number> {
  const [{ buildAndSend }, { publishPlugin, targetsOf }, { loadTargets }, { untilAborted }] = await Promise.all([
    import("../publishing.ts"),
    import("../../publish/index.ts"),
    import("../targets.ts"),
    import("../../lib/context.ts"),
  ]);
  const published = await buildAndSend(
    async (signal) => {
      const plugins = await untilAborted(loadTargets(args), signal);
      plugins.forEach(targetsOf); // before anything is built
      return plugins;
    },
    args,
    async (builds, options) => {
      const names = [...new Set(builds.map(({ plugin }) => plugin.name))];
      const all = [];
      for (const name of names) {
        const own = builds.filter(({ plugin }) => plugin.name === name);
        all.push({ name, places: await publishPlugin(own, options) });
      }
      return all;
    },
  );
  const { publishedLines } = await import("../render/transfer.ts");
  publishedLines(published, args);
  return 0;
}
