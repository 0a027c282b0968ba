import type { BuildAllOptions } from "../build.ts";
import { FledgeError } from "../lib/errors.ts";
import type { RecipeArgs } from "./targets.ts";

/** The parsed flags of a command that builds. */
export type BuildArgs = RecipeArgs & {
  readonly "cache-dir"?: string;
  readonly verbose?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
  readonly verify?: boolean;
  readonly force?: boolean;
  readonly jobs?: string;
  readonly frozen?: boolean;
  readonly offline?: boolean;
};

/** What its flags say of how to build. Throws a `usage` error. */
export function buildOptionsOf(args: BuildArgs): BuildAllOptions {
  const { jobs, verify = false, force = false, frozen, offline, "cache-dir": cacheDir } = args;
  return {
    env: process.env,
    verify,
    force,
    ...(frozen && { frozen }),
    ...(offline && { offline }),
    ...(jobs !== undefined && { jobs: countOf(jobs) }),
    ...(cacheDir !== undefined && { cacheDir }),
  };
}

function countOf(jobs: string): number {
  if (/^[1-9]\d*$/.test(jobs)) return Number(jobs);
  throw new FledgeError("usage", `--jobs "${jobs}" is not a number of builds`, { hint: "for instance --jobs 2" });
}
