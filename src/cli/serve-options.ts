import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { parseSize } from "../lib/bytes.ts";
import type { Env } from "../lib/context.ts";
import { parseDuration } from "../lib/duration.ts";
import { FledgeError } from "../lib/errors.ts";
import { defaultJobs } from "../lib/jobs.ts";
import type { Listener } from "../serve/http/index.ts";
import type { ServeOptions } from "../serve/serve.ts";
import { resolveCacheDir } from "../store/cache-dir.ts";
import { countOf } from "./build-options.ts";

/** The parsed flags of `fledge serve`. */
export type ServeArgs = {
  readonly listen?: string;
  readonly socket?: string;
  readonly state?: string;
  readonly tokens?: string;
  readonly "new-token"?: string;
  readonly root?: readonly string[];
  readonly host?: readonly string[];
  readonly declarative?: boolean;
  readonly "allow-preset"?: readonly string[];
  readonly env?: readonly string[];
  readonly jobs?: string;
  readonly "max-queue": string;
  readonly "max-body": string;
  readonly "max-project": string;
  readonly timeout: string;
  readonly keep: string;
  readonly "keep-for": string;
  readonly "cache-dir"?: string;
  readonly quiet?: boolean;
  readonly json?: boolean;
};

/** Files and folders of a project; what is more is a mistake, or an attack. */
const MAX_ENTRIES = 200_000;

/** What the flags say of a service. Throws a `usage` error. */
export function serveOptionsOf(args: ServeArgs, env: Env): Omit<ServeOptions, "program" | "onState" | "warn"> {
  const stateDir = stateDirOf(args.state, env);
  return {
    listener: listenerOf(args, stateDir, env),
    stateDir,
    cacheDir: resolveCacheDir(env, args["cache-dir"]),
    roots: (args.root ?? []).map((path) => resolve(path)),
    ...(args.tokens !== undefined && { tokens: resolve(args.tokens) }),
    hosts: args.host ?? [],
    ...(args.declarative && { declarative: args["allow-preset"] ?? [] }),
    jobs: args.jobs === undefined ? defaultJobs() : countOf(args.jobs, "--jobs", "a number of builds"),
    maxQueued: numberOf(args["max-queue"], "--max-queue"),
    maxBodyBytes: sizeOf(args["max-body"], "--max-body"),
    limits: { maxEntries: MAX_ENTRIES, maxBytes: sizeOf(args["max-project"], "--max-project") },
    timeoutMs: timeOf(args.timeout, "--timeout"),
    keep: { count: numberOf(args.keep, "--keep"), ageMs: timeOf(args["keep-for"], "--keep-for") },
    env,
    envNames: args.env ?? [],
  };
}

function stateDirOf(option: string | undefined, { XDG_STATE_HOME, HOME }: Env): string {
  if (option !== undefined) return resolve(option);
  if (XDG_STATE_HOME && isAbsolute(XDG_STATE_HOME)) return join(XDG_STATE_HOME, "fledge");
  return join(HOME && isAbsolute(HOME) ? HOME : homedir(), ".local", "state", "fledge");
}

function listenerOf({ listen, socket }: ServeArgs, stateDir: string, { XDG_RUNTIME_DIR }: Env): Listener {
  if (listen === undefined) {
    // A state of one's own has a socket of its own, so that two services do not meet.
    const folder = XDG_RUNTIME_DIR && isAbsolute(XDG_RUNTIME_DIR) ? XDG_RUNTIME_DIR : stateDir;
    return { kind: "socket", path: socket === undefined ? join(folder, "fledge.sock") : resolve(socket) };
  }
  if (socket !== undefined) {
    throw new FledgeError("usage", "--listen and --socket both say where to listen", { hint: "choose one" });
  }
  const [, v6, name, port] = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(listen) ?? [];
  if (port === undefined || Number(port) > 65_535) {
    throw new FledgeError("usage", `--listen "${listen}" is no address and port`, {
      hint: "for instance 127.0.0.1:8480",
    });
  }
  return { kind: "tcp", host: v6 ?? name ?? "", port: Number(port) };
}

function numberOf(text: string, flag: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new FledgeError("usage", `${flag} "${text}" is not a number of builds`, { hint: `for instance ${flag} 50` });
}

function sizeOf(text: string, flag: string): number {
  try {
    return parseSize(text);
  } catch {
    throw new FledgeError("usage", `${flag} "${text}" is not a size`, { hint: `for instance ${flag} 512M` });
  }
}

function timeOf(text: string, flag: string): number {
  const ms = parseDuration(text);
  // A timer of Node's takes no more than this.
  if (ms !== undefined && ms <= 2 ** 31 - 1) return ms;
  throw new FledgeError("usage", `${flag} "${text}" is not a time of at most 24 days`, { hint: "90s, 30m, 2h or 7d" });
}
