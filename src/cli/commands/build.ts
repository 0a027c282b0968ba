import type { Command } from "../commands.ts";
import { wantsBoth } from "../dockerfile.ts";
import { DOCKERFILE_FLAGS, RECIPE_FLAGS, RUN_FLAGS } from "../flags.ts";
import type { RecipeArgs } from "../targets.ts";

type Args = RecipeArgs & {
  readonly "cache-dir"?: string;
  readonly verbose?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
  readonly verify?: boolean;
  readonly "dry-run"?: boolean;
};

export const build: Command = {
  meta: { name: "build", description: "Build the artifact and the manifest of each plugin" },
  args: {
    ...RECIPE_FLAGS,
    ...DOCKERFILE_FLAGS,
    ...RUN_FLAGS,
    verify: { type: "boolean", description: "Read the artifact back and compare it with what was meant" },
    "dry-run": { type: "boolean", description: "Print the plan and do nothing" },
  },
  examples: [
    ["", "the config in this folder"],
    ["examples/hello", "the config in another folder"],
    ["web db", "two of the plugins that this folder's config exports"],
    ["-c fledge.toml -o dist/", "a certain config; artifacts into dist/"],
    ["./Dockerfile --build-arg VERSION=1.2.3 -o web.img", "a Dockerfile, without a config"],
    ["./Dockerfile --target app --secret id=npm,src=.npmrc --output-initramfs web.cpio.gz", "the same as an initramfs"],
    ["--json | jq -r 'select(.type == \"build:done\").result.artifact.path'", "for scripts"],
  ],
  async run({ args: parsed }) {
    const args = parsed as unknown as Args;
    if (args["dry-run"]) return await (await import("./plan.ts")).printPlans(args);
    const [{ loadTargets }, { buildAll }, { createRenderer }, { onInterrupt }] = await Promise.all([
      import("../targets.ts"),
      import("../../build.ts"),
      import("../render/renderer.ts"),
      import("../interrupt.ts"),
    ]);
    const signal = onInterrupt();
    const plugins = await loadTargets(args);
    const renderer = createRenderer({ ...args, plugins: plugins.map(({ name }) => name) });
    try {
      await buildAll(plugins, {
        env: process.env,
        signal,
        verify: args.verify ?? false,
        onEvent: renderer.onEvent,
        // The second of the two finds the image of the Dockerfile in the engine's cache.
        ...(wantsBoth(args) && { concurrency: 1 }),
        ...(args["cache-dir"] !== undefined && { cacheDir: args["cache-dir"] }),
      });
    } finally {
      renderer.end();
    }
    return 0;
  },
};
