import { readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { RunContext } from "../../lib/context.ts";
import { FledgeError } from "../../lib/errors.ts";
import { formatPlatform, hostPlatform, type Platform } from "../../lib/platform.ts";
import { didYouMean } from "../../lib/suggest.ts";
import { unreadable } from "../local.ts";
import type { BuildRequest, Secret } from "./engine.ts";
import type { DockerfileOptions } from "./options.ts";
import { hasStage, isCacheable, stagesOf } from "./stages.ts";

/** A request and the values of its secrets, which nothing may show. */
export type Prepared = {
  readonly request: Omit<BuildRequest, "folder">;
  readonly hidden: string[];
  /** What the Dockerfile says. */
  readonly text: string;
};

/** Looks at everything that a build will read. Throws an `io`, `config` or `source` error for what is not there. */
export async function prepare(
  options: DockerfileOptions,
  { platform, cwd }: { readonly platform: Platform | undefined; readonly cwd: string },
  { env, epoch }: RunContext,
): Promise<Prepared> {
  const dockerfile = resolve(cwd, options.dockerfile);
  const text = await readDockerfile(dockerfile);
  const context = options.context === undefined ? dirname(dockerfile) : resolve(cwd, options.context);
  await requireContext(context);
  const { target } = options;
  if (target !== undefined) checkTarget(target, stagesOf(text), options.dockerfile);
  const secrets = secretsOf(options, cwd);
  const hidden: string[] = [];
  for (const secret of secrets) hidden.push(await secretValue(secret, env));
  const request = {
    dockerfile,
    context,
    ...(target !== undefined && { target }),
    buildArgs: options.buildArgs ?? {},
    secrets,
    platform: formatPlatform(platform ?? hostPlatform()),
    isCacheable: isCacheable(text, Object.keys(options.buildArgs ?? {})),
    ...(epoch.ceilingSec !== undefined && { epochSec: epoch.ceilingSec }),
  };
  return { request, hidden, text };
}

export async function readDockerfile(path: string): Promise<string> {
  const found = await stat(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (found.isDirectory()) {
    throw new FledgeError("io", `cannot read ${path}: it is a folder`, {
      hint: `name the file in it: ${path}/Dockerfile`,
    });
  }
  return await readFile(path, "utf8").catch((error: unknown) => {
    throw unreadable(path, error);
  });
}

async function requireContext(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) {
    throw new FledgeError("io", `the build context ${path} does not exist`, {
      hint: "source.context, or --context, names the folder that COPY reads; default the Dockerfile's",
    });
  }
  if (!found.isDirectory()) {
    throw new FledgeError("io", `the build context ${path} is not a folder`, {
      hint: "archives and URLs are not read: unpack or clone it first",
    });
  }
}

function checkTarget(target: string, stages: readonly string[] | undefined, label: string): void {
  if (stages === undefined || hasStage(stages, target)) return;
  const names = stages.filter((stage) => stage !== "");
  const hint = names.length > 0 ? didYouMean(target, names) : `it has no named stages: write FROM IMAGE AS ${target}`;
  throw new FledgeError("config", `${label} has no stage "${target}"`, { hint });
}

function secretsOf({ secrets = {} }: DockerfileOptions, cwd: string): Secret[] {
  return Object.entries(secrets).map(([id, from]) =>
    "file" in from ? { id, file: resolve(cwd, from.file) } : { id, env: from.env },
  );
}

/** Throws where a builder would pass on an empty secret, or fail without a reason. */
async function secretValue(secret: Secret, env: RunContext["env"]): Promise<string> {
  if ("env" in secret) {
    const value = env[secret.env];
    if (value !== undefined) return value;
    throw new FledgeError("config", `the secret "${secret.id}" is to come from ${secret.env}, which is not set`, {
      hint: `export ${secret.env} before the build`,
    });
  }
  return await readFile(secret.file, "utf8").catch((error: unknown) => {
    const { message } = unreadable(secret.file, error);
    throw new FledgeError("io", `the secret "${secret.id}": ${message}`, { cause: error });
  });
}
