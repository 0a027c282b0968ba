import type { BuildResult } from "../contract/result.ts";
import { abortedError, type Env } from "../lib/context.ts";
import { type ErrorData, FledgeError } from "../lib/errors.ts";
import { follow } from "../lib/process/exec.ts";
import { killMarked } from "../lib/process/marked.ts";
import type { BuildEvent, EventSink } from "../pipeline/events.ts";
import type { BuildRequest } from "./request.ts";

/** What a child is told, as the one JSON argument of its program. */
export type ChildJob = {
  /** Folder of the project, absolute, and its config, relative to that. */
  readonly folder: string;
  readonly config?: string | undefined;
  readonly manifest?: string | undefined;
  readonly request: BuildRequest;
  /** Gets artifact and manifest; absolute. */
  readonly outDir: string;
  readonly cacheDir: string;
  /** Data only: no code but fledge's own and these presets, and no file outside of the project's folder. */
  readonly declarative?: readonly string[] | undefined;
};

export type ChildOptions = {
  /** The program of this fledge that builds: `node dist/cli/build-child.js`. */
  readonly program: readonly [string, ...string[]];
  /** Names the build in the environment of all that it starts, which is how all of it is found in the end. */
  readonly id: string;
  /** All that the build sees of the environment; see `childEnv`. */
  readonly env: Env;
  readonly signal: AbortSignal;
  /** Told of what happens, in order and at once; what it throws ends the build. */
  readonly onEvent: EventSink;
};

/** The variable that marks what belongs to a build. */
const MARK = "FLEDGE_BUILD_ID";

/** Whoever cancels waits for less than a second. */
const GRACE_MS = 500;

/**
 * Runs one build of an unpacked project in a process of its own, and ends all that it has started, whatever its end. The
 * config is a program: nothing of its result is to be trusted but that the build says so. Throws the error of the build,
 * or `aborted` once nothing of it runs.
 */
export async function runChild(job: ChildJob, options: ChildOptions): Promise<BuildResult> {
  const { program, id, env, onEvent } = options;
  const broken = new AbortController();
  const signal = AbortSignal.any([options.signal, broken.signal]);
  const outcome: { result?: BuildResult; failure?: ErrorData } = {};
  const name = { current: job.request.plugin ?? "" };
  const onLine = (line: string): void => {
    const event = eventIn(line);
    if (event !== undefined && "plugin" in event) name.current = event.plugin;
    if (event?.type === "build:done") outcome.result = event.result;
    if (event?.type === "build:failed") outcome.failure ??= event.error;
    if (event?.type === "error") outcome.failure ??= event;
    try {
      if (event === undefined) onEvent({ type: "log", plugin: name.current, message: line });
      else if (event.type !== "error") onEvent(event);
    } catch (error) {
      broken.abort(error);
    }
  };
  const [path, ...argv] = program;
  try {
    const ended = await follow(path, [...argv, JSON.stringify(job)], {
      ...{ signal, onLine, graceMs: GRACE_MS, isTied: true, cwd: job.folder },
      env: { ...env, [MARK]: id },
    });
    if (outcome.failure !== undefined) throw errorFrom(outcome.failure);
    if (outcome.result !== undefined && !ended.failed) return outcome.result;
    throw died(ended.killedBy, ended.tail);
  } catch (error) {
    if (options.signal.aborted) throw abortedError(options.signal);
    throw broken.signal.aborted ? broken.signal.reason : error;
  } finally {
    endChild(id);
  }
}

/** Ends what is left of a build: after a crash of this process, or what has left the group that it was started in. */
export function endChild(id: string): void {
  killMarked(MARK, id);
}

const PASSED: ReadonlySet<string> = new Set([
  ...["PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME"],
  ...["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"],
  ...["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"],
  ...["DOCKER_CONFIG", "DOCKER_HOST", "BUILDKIT_HOST", "CONTAINER_HOST", "REGISTRY_AUTH_FILE"],
  ...["FLEDGE_REGISTRY_MIRRORS", "FLEDGE_OFFLINE", "GITHUB_API_URL"],
]);

/**
 * What builds see of the environment of a service: where programs, proxies and registries are, and what else `names`
 * says. Nothing of what the service is told beyond that, its tokens least of all.
 */
export function childEnv(env: Env, names: readonly string[], { sourceDateEpoch }: Partial<BuildRequest> = {}): Env {
  const isPassed = (name: string): boolean => PASSED.has(name) || name.startsWith("LC_") || names.includes(name);
  const passed = Object.entries(env).filter(([name]) => isPassed(name));
  return {
    ...Object.fromEntries(passed),
    ...(sourceDateEpoch !== undefined && { SOURCE_DATE_EPOCH: String(sourceDateEpoch) }),
  };
}

type ChildEvent = BuildEvent | ({ readonly type: "error" } & ErrorData);

function eventIn(line: string): ChildEvent | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const event: unknown = JSON.parse(line);
    return typeof event === "object" && event !== null && isEvent(event) ? event : undefined;
  } catch {
    return undefined; // what a config, a hook or a program says by itself
  }
}

function isEvent(event: object): event is ChildEvent {
  return "type" in event && typeof event.type === "string" && (event.type === "error" || "plugin" in event);
}

function errorFrom({ code, message, hint, problems }: ErrorData): FledgeError {
  return new FledgeError(code, message, { hint, ...(problems !== undefined && { problems }) });
}

function died(signal: string | undefined, tail: string): FledgeError {
  if (signal !== undefined) {
    return new FledgeError("internal", `the build's process was ended by ${signal}`, {
      hint: "the machine may be out of memory: dmesg says so; let fewer builds run at once",
    });
  }
  return new FledgeError("internal", `the build's process ended without a word: ${tail}`, {
    hint: "the config or a hook may have ended it",
  });
}
