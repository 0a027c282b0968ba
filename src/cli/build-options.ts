import { resolve } from "node:path";
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
  readonly files?: string;
};

/** What its flags say of how to build. Throws a `usage` error. */
export function buildOptionsOf(args: BuildArgs): BuildAllOptions {
  const { jobs, verify = false, force = false, frozen, offline, files, "cache-dir": cacheDir } = args;
  return {
    env: process.env,
    verify,
    force,
    ...(frozen && { frozen }),
    ...(offline && { offline }),
    ...(jobs !== undefined && { jobs: countOf(jobs, "--jobs", "a number of builds") }),
    ...(files !== undefined && { files: resolve(files) }),
    ...(cacheDir !== undefined && { cacheDir }),
  };
}

/** The number that a flag has. Throws a `usage` error that says what it is to be. */
export function countOf(text: string, flag: string, what: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new FledgeError("usage", `${flag} "${text}" is not ${what}`, { hint: `for instance ${flag} 2` });
}
