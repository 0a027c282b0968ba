import { readFileSync } from "node:fs";
import { extname, resolve } from "node:path";
import type { BuildAllResult } from "../build.ts";
import { pluginsOf } from "../config/project.ts";
import type { ResolvedPlugin } from "../contract/plugin.ts";
import { epochFrom, isSet, untilAborted } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import { ioError } from "../lib/files/io-error.ts";
import type { EventSink } from "../pipeline/events.ts";
import { type Address, buildAllRemotely, parseAddress } from "../serve/client/index.ts";
import { type BuildArgs, countOf } from "./build-options.ts";
import { loadProjects } from "./targets.ts";
import { line, say, yellow } from "./terminal.ts";

/** The parsed flags of a build that is done elsewhere. */
export type RemoteArgs = BuildArgs & {
  readonly remote?: string;
  readonly "token-file"?: string;
  readonly include?: readonly string[];
  readonly "bundle-root"?: string;
};

/** Builds under way at a service at once; it has its own limit of those that run. */
const DEFAULT_JOBS = 4;

/** What is to be built elsewhere, and how it is, once somebody shows the events. */
export type RemotePlan = {
  readonly plugins: readonly ResolvedPlugin[];
  build(signal: AbortSignal, onEvent: EventSink): Promise<BuildAllResult>;
};

/** Reads the project here, as a build here would. Throws a `usage` error for flags that only a build here can heed. */
export async function planRemotely(args: RemoteArgs, remote: string, signal: AbortSignal): Promise<RemotePlan> {
  refuseLocalFlags(args);
  const address = parseAddress(remote);
  const token = tokenOf(args["token-file"]);
  warnOfOpenToken(address, token);
  const packageFiles: string[] = [];
  const project = await untilAborted(
    loadProjects(args, undefined, (file) => packageFiles.push(file)),
    signal,
  );
  const plugins = pluginsOf(project);
  assertOneConfig(project.file, plugins);
  const { frozen, offline, verify, force, mode = "production", jobs, manifest } = args;
  const stamp = epochFrom(process.env).ceilingSec;
  const request = {
    ...{ mode, verify: verify ?? false, force: force ?? false, offline: offline ?? false },
    frozen: frozen ?? isSet(process.env.CI),
    ...(stamp !== undefined && { sourceDateEpoch: stamp }),
  };
  return {
    plugins,
    build: (stop, onEvent) =>
      buildAllRemotely({
        ...{ address, token, env: process.env, signal: stop, project, plugins, request, packageFiles, onEvent },
        include: (args.include ?? []).map((path) => resolve(path)),
        top: args["bundle-root"] === undefined ? undefined : resolve(args["bundle-root"]),
        manifestFile: manifest === undefined ? undefined : resolve(manifest),
        jobs: jobs === undefined ? DEFAULT_JOBS : countOf(jobs, "--jobs", "a number of builds"),
      }),
  };
}

function refuseLocalFlags(
  args: RemoteArgs & { readonly html?: string; readonly "verify-reproducible"?: boolean },
): void {
  for (const flag of ["html", "files", "verify-reproducible", "dockerfile", "output-initramfs"] as const) {
    if (args[flag] === undefined || args[flag] === false) continue;
    throw new FledgeError("usage", `--${flag} needs a build on this machine, and --remote has another do it`, {
      hint: `leave one of them out`,
    });
  }
}

function assertOneConfig(file: string, plugins: readonly ResolvedPlugin[]): void {
  if (extname(file) === "" || /\.dockerfile$/i.test(file)) {
    throw new FledgeError("usage", "a Dockerfile without a config cannot be built elsewhere", {
      hint: "write a config with source: { dockerfile }; fledge init writes one",
    });
  }
  if (plugins.every(({ configFile, root }) => configFile === file || root !== undefined)) return;
  throw new FledgeError("usage", "--remote builds the plugins of one config, or of one workspace", {
    hint: "name one folder, or call fledge once for each",
  });
}

function tokenOf(file: string | undefined): string | undefined {
  if (file === undefined) return process.env.FLEDGE_TOKEN || undefined;
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    throw ioError(error, "read", file);
  }
}

function warnOfOpenToken({ isOpen, text }: Address, token: string | undefined): void {
  if (!isOpen || token === undefined) return;
  say([line`${yellow`warning`} the token and the project go to ${text} unencrypted; put a proxy with TLS before it`]);
}
