import type { BuildFailure } from "../../build.ts";
import { abortedError, untilAborted } from "../../lib/context.ts";
import { FledgeError } from "../../lib/errors.ts";
import { buildOptionsOf } from "../build-options.ts";
import type { Command } from "../commands.ts";
import { DOCKERFILE_FLAGS, JOBS_FLAG, LOCK_FLAGS, RECIPE_FLAGS, REMOTE_FLAGS, RUN_FLAGS } from "../flags.ts";
import { exitCodeFor, onInterrupt } from "../interrupt.ts";
import type { RemoteArgs, RemotePlan } from "../remote.ts";
import { print } from "../terminal.ts";

type Args = RemoteArgs & {
  readonly "dry-run"?: boolean;
  readonly "verify-reproducible"?: boolean;
  readonly html?: string;
};

export const build: Command = {
  meta: { name: "build", description: "Build the artifact and the manifest of each plugin" },
  args: {
    ...RECIPE_FLAGS,
    ...DOCKERFILE_FLAGS,
    ...JOBS_FLAG,
    ...LOCK_FLAGS,
    ...RUN_FLAGS,
    verify: { type: "boolean", description: "Read the artifact back and compare it with what was meant" },
    "verify-reproducible": {
      type: "boolean",
      description: "Build again elsewhere, with an empty cache, and name what that makes otherwise",
    },
    force: { type: "boolean", description: "Write the artifact also when it is there already, the same to the byte" },
    files: {
      type: "string",
      valueHint: "FILE",
      description: "Write a listing of what is in the artifact, with digests and origins",
    },
    html: {
      type: "string",
      valueHint: "FILE",
      description: "Write a page about the build: its stages, and a map of what was made",
    },
    ...REMOTE_FLAGS,
    "dry-run": { type: "boolean", description: "Print the plan and do nothing" },
  },
  examples: [
    ["", "the config in this folder"],
    ["examples/hello", "the config in another folder"],
    ["web db", "two of the plugins that this folder's config or workspace has"],
    ["--filter 'web-*,db' --jobs 2", "those whose names match, two at a time"],
    ["-c fledge.toml -o dist/", "a certain config; artifacts into dist/"],
    ["--frozen --offline", "exactly what fledge.lock says, out of the cache"],
    ["./Dockerfile --build-arg VERSION=1.2.3 -o web.img", "a Dockerfile, without a config"],
    ["./Dockerfile --target app --secret id=npm,src=.npmrc --output-initramfs web.cpio.gz", "the same as an initramfs"],
    ["web --remote https://builds.example.org", "the same on another machine: fledge serve runs there"],
    ["--queue redis://queue:6379 --store registry.example.org/team/farm", "on many: fledge worker runs there"],
    ["--json | jq -r 'select(.type == \"build:done\").result.artifact.path'", "for scripts"],
  ],
  run: ({ args }) => runBuild(args as unknown as Args),
};

async function runBuild(args: Args): Promise<number> {
  if (args["dry-run"]) return await (await import("./plan.ts")).printPlans(args);
  const [{ createRenderer }, { reportFailures, summaryLines }] = await Promise.all([
    import("../render/renderer.ts"),
    import("../render/summary.ts"),
  ]);
  const signal = onInterrupt();
  const { plugins, build } = await planOf(args, signal);
  const names = plugins.map(({ name, label = name }) => label);
  const renderer = createRenderer({ ...args, plugins: names });
  const outcome = await build(signal, renderer.onEvent).finally(() => renderer.end());

  const [only] = outcome.failures;
  if (names.length === 1 && only !== undefined) throw only.error;
  reportFailures(outcome, { json: args.json ?? false, verbose: args.verbose ?? false });
  if (names.length > 1 && !args.json && !args.quiet) print(summaryLines(names, outcome));
  if (args.html !== undefined)
    await (await import("../build-page.ts")).writeBuildPage(args.html, outcome.results, args);
  if (args["verify-reproducible"] && outcome.failures.length === 0) {
    return await (await import("../reproducible.ts")).verifyReproducible(outcome.results, args, signal);
  }
  return exitCodeOfAll(outcome.failures, signal);
}

/** What is to be built, and who does it. */
async function planOf(args: Args, signal: AbortSignal): Promise<RemotePlan> {
  const isElsewhere = args.remote !== undefined || args.queue !== undefined;
  if (isElsewhere) return await (await import("../remote.ts")).planRemotely(args, signal);
  refuseRemoteFlags(args);
  const [{ loadTargets }, { wantsBoth }, { buildAll }] = await Promise.all([
    import("../targets.ts"),
    import("../dockerfile.ts"),
    import("../../build.ts"),
  ]);
  const options = buildOptionsOf(args);
  const plugins = await untilAborted(loadTargets(args), signal);
  // The second of the two finds the image of the Dockerfile in the engine's cache.
  const jobs = wantsBoth(args) ? { jobs: 1 } : {};
  return { plugins, build: (stop, onEvent) => buildAll(plugins, { ...options, ...jobs, signal: stop, onEvent }) };
}

/** The flags that only a build elsewhere heeds, and what makes it one. */
const REMOTE_ONLY = {
  "token-file": "--remote",
  store: "--queue",
  label: "--queue",
  include: "--remote or --queue",
  "bundle-root": "--remote or --queue",
} as const;

/** Whoever gives one of them does not mean a build here. */
function refuseRemoteFlags(args: RemoteArgs): void {
  for (const [flag, needs] of Object.entries(REMOTE_ONLY)) {
    if (args[flag as keyof typeof REMOTE_ONLY] === undefined) continue;
    throw new FledgeError("usage", `--${flag} is of a build on other machines, and this would be one here`, {
      hint: `add ${needs}, or leave it out`,
    });
  }
}

/** That of the first plugin that failed, in the order of the config; that of the interrupt after one. */
function exitCodeOfAll(failures: readonly BuildFailure[], signal: AbortSignal): number {
  const [first] = failures;
  if (first === undefined) return 0;
  return exitCodeFor(signal.aborted ? abortedError(signal) : first.error);
}
