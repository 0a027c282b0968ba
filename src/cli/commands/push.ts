import { FledgeError } from "../../lib/errors.ts";
import type { BuildArgs } from "../build-options.ts";
import type { Command } from "../commands.ts";
import { JOBS_FLAG, LOCK_FLAGS, READING_FLAGS, RUN_FLAGS } from "../flags.ts";

const { filter: _filter, ...RECIPE } = READING_FLAGS;

type Args = BuildArgs & { readonly "as-image"?: boolean; readonly attach?: readonly string[] };

export const push: Command = {
  meta: { name: "push", description: "Build a plugin and push it to an OCI registry" },
  args: {
    ...RECIPE,
    targets: {
      ...RECIPE.targets,
      valueHint: "[NAME|DIR|FILE] REF",
      description: "The plugin, where there are several, and where it goes: REGISTRY/REPOSITORY[:TAG]",
    },
    "as-image": {
      type: "boolean",
      description: "Push a container image of the same tree, for docker and podman: a layer for each origin",
    },
    attach: {
      type: "string",
      valueHint: "TYPE=FILE",
      description: "A file that says something of it (an SBOM, a signature), by media type; may be given several times",
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
    ["web localhost:5000/web-image --as-image", "what docker run takes"],
    ["web localhost:5000/web --attach application/spdx+json=web.spdx.json", "with an SBOM, for fledge pull --attached"],
  ],
  run: ({ args }) => runPush(args as unknown as Args),
};

async function runPush(args: Args): Promise<number> {
  const words = [...args._];
  const to = words.pop();
  if (to === undefined) {
    throw new FledgeError("usage", "fledge push needs a repository to push to", {
      hint: "for instance fledge push registry.example.org/team/web:1.2",
    });
  }
  const [{ buildAndSend }, { pushPlugin }, { loadTargets }, { untilAborted }] = await Promise.all([
    import("../publishing.ts"),
    import("../../publish/index.ts"),
    import("../targets.ts"),
    import("../../lib/context.ts"),
  ]);
  const attachments = (args.attach ?? []).map(parseAttachment);
  const { "as-image": asImage } = args;
  const pushed = await buildAndSend(
    (signal) => untilAborted(loadTargets({ ...args, _: words }), signal),
    args,
    (builds, options) => pushPlugin(builds, to, { ...options, asImage, attachments }),
  );
  const { pushedLines } = await import("../render/transfer.ts");
  pushedLines(pushed, args);
  return 0;
}

function parseAttachment(text: string): { readonly type: string; readonly path: string } {
  const [, type, path] = /^([\w.+-]+\/[\w.+-]+)=(.+)$/.exec(text) ?? [];
  if (type !== undefined && path !== undefined) return { type, path };
  throw new FledgeError("usage", `--attach ${text} does not say what is attached`, {
    hint: "write the media type and the file, for instance --attach application/spdx+json=web.spdx.json",
  });
}
