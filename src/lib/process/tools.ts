import { accessSync, constants, statSync } from "node:fs";
import { delimiter, resolve } from "node:path";
import type { Env } from "../context.ts";
import { FledgeError } from "../errors.ts";

/** An external program that a part of the build needs. Declared where it is used, checked before any work. */
export type Tool = {
  readonly name: string;
  /** Completes "needed to ...". */
  readonly reason: string;
  /** The Debian and Ubuntu package that has it; left out where there is none. */
  readonly package?: string;
  /** What to do instead of installing it, if there is something. */
  readonly instead?: string;
  readonly version?: ToolVersion;
  readonly ready?: ToolReadiness;
};

/** Of a program that may be there and yet unable to work, such as a client without its daemon. */
export type ToolReadiness = {
  /** A command that succeeds where the program can do its work, and changes nothing. */
  argv(env: Env): readonly string[];
  /** A command that mends it, or says more. */
  readonly fix: string;
};

/** How a tool tells its version, and which ones cannot be used. */
export type ToolVersion = {
  readonly argv: readonly string[];
  /** The version in what the tool prints (stdout, then stderr); undefined when there is none. */
  parse(output: string): string | undefined;
  /** Why a version cannot be used, as in "VERSION ..."; undefined when it can. */
  objection?(version: string): string | undefined;
};

/** What `--version` of most programs says: the first thing that looks like a version. */
export const USUAL_VERSION: ToolVersion = {
  argv: ["--version"],
  parse: (output) => /\d+(?:\.\d+)+[\w.+-]*/.exec(output)?.[0],
};

/** The same by `-V`, as the tools of e2fsprogs and xfsprogs have it. */
export const VERSION_BY_V: ToolVersion = { ...USUAL_VERSION, argv: ["-V"] };

/** The absolute path of an executable on PATH, or undefined. */
export function findOnPath(name: string, env: Env): string | undefined {
  for (const folder of (env.PATH ?? "").split(delimiter)) {
    if (folder === "") continue;
    const path = resolve(folder, name);
    if (isExecutableFile(path)) return path;
  }
  return undefined;
}

/** The absolute path of a tool; throws a `tool` error that says what it is for and how to get it. */
export function requireTool(tool: Tool, env: Env): string {
  const path = findOnPath(tool.name, env);
  if (path !== undefined) return path;
  const remedies = [installCommand(tool), tool.instead].filter((text) => text !== undefined);
  throw new FledgeError("tool", `${tool.name} not found; needed to ${tool.reason}`, { hint: remedies.join(", or ") });
}

export function installCommand(tool: Tool): string | undefined {
  return tool.package === undefined ? undefined : `sudo apt-get install -y ${tool.package}`;
}

function isExecutableFile(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
