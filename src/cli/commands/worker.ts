import type { Command } from "../commands.ts";
import { BUILDER_FLAGS } from "../flags.ts";
import type { WorkerArgs } from "../worker.ts";

export const worker: Command = {
  meta: { name: "worker", description: "Build what others submit to a queue: one machine of a farm" },
  args: {
    queue: {
      type: "string",
      valueHint: "URL",
      description: "redis://HOST:6379, rediss:// or postgres://USER@HOST/DATABASE",
    },
    store: {
      type: "string",
      valueHint: "PLACE",
      description: "Where projects and artifacts travel: REGISTRY/REPOSITORY, or s3://BUCKET[/PREFIX]",
    },
    label: {
      type: "string",
      valueHint: "NAME",
      description:
        "What builds may ask for beside this machine's platform, root and builders; may be given several times",
    },
    "lost-after": {
      type: "string",
      valueHint: "TIME",
      description: "How long a worker may be silent before its builds are given to others",
      default: "30s",
    },
    work: {
      type: "string",
      valueHint: "DIR",
      description: "Where builds are unpacked (default: in the system's folder for such)",
    },
    ...BUILDER_FLAGS,
  },
  examples: [
    ["--queue redis://queue:6379 --store registry.example.org/team/farm", "takes what fledge build --queue submits"],
    ["--queue postgres://fledge@db/fledge --store s3://builds/farm --label gpu", "by way of PostgreSQL and a bucket"],
    [
      "--queue redis://queue:6379 --store registry.example.org/team/farm --env NPM_TOKEN",
      "builds see this secret of this machine",
    ],
  ],
  run: async ({ args }) => {
    const { runWorkerCommand } = await import("../worker.ts");
    return await runWorkerCommand(args as unknown as WorkerArgs);
  },
};
