import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { openQueue, openStore, ownLabels, runWorker, type WorkerEvent } from "../farm/index.ts";
import { contextOutside, epochFrom } from "../lib/context.ts";
import { Disposer } from "../lib/dispose.ts";
import { formatDuration } from "../lib/duration.ts";
import { FledgeError } from "../lib/errors.ts";
import { removeTree, temporarySibling } from "../lib/files/atomic.ts";
import { ioError } from "../lib/files/io-error.ts";
import { defaultJobs } from "../lib/jobs.ts";
import { resolveCacheDir } from "../store/cache-dir.ts";
import { countOf } from "./build-options.ts";
import { interruption, onInterrupt } from "./interrupt.ts";
import { timeOf } from "./serve-options.ts";
import { cyan, gray, green, line, printJson, red, say, yellow } from "./terminal.ts";

/** The parsed flags of `fledge worker`. */
export type WorkerArgs = {
  readonly queue?: string;
  readonly store?: string;
  readonly label?: readonly string[];
  readonly jobs?: string;
  readonly timeout: string;
  readonly "lost-after": string;
  readonly env?: readonly string[];
  readonly declarative?: boolean;
  readonly "allow-preset"?: readonly string[];
  readonly work?: string;
  readonly "cache-dir"?: string;
  readonly quiet?: boolean;
  readonly json?: boolean;
};

const CHILD = fileURLToPath(new URL("./build-child.js", import.meta.url));

/** Works until a signal, which is how it is meant to end: what runs then is given back. */
export async function runWorkerCommand(args: WorkerArgs): Promise<number> {
  const { queue: url, store: place } = args;
  if (url === undefined || place === undefined) {
    throw new FledgeError("usage", "fledge worker needs --queue and --store", {
      hint: "for instance --queue redis://queue:6379 --store registry.example.org/team/farm",
    });
  }
  const { env } = process;
  const lockMs = timeOf(args["lost-after"], "--lost-after");
  const timeoutMs = timeOf(args.timeout, "--timeout");
  const jobs = args.jobs === undefined ? defaultJobs() : countOf(args.jobs, "--jobs", "a number of builds");
  const signal = onInterrupt();
  const disposer = new Disposer();
  const shared = { env, signal, disposer, cacheDir: resolveCacheDir(env, args["cache-dir"]), epoch: epochFrom(env) };
  const ctx = contextOutside(shared, { warn: ({ message }) => warn(message, args) });
  try {
    const store = await openStore(place, ctx);
    const queue = await openQueue({ url, lockMs, onError: quietly((message) => warn(message, args)) });
    disposer.defer(() => queue.close());
    const folder = await workFolder(args.work, disposer);
    const labels = [...(await ownLabels({ env, signal })), ...(args.label ?? [])];
    sayReady({ store: store.name, labels, jobs }, args);
    await runWorker(
      {
        ...{ queue, store, jobs, labels, lockMs, timeoutMs, folder, env },
        program: [process.execPath, CHILD],
        envNames: args.env ?? [],
        ...(args.declarative && { declarative: args["allow-preset"] ?? [] }),
        onJob: (event) => tell(event, args),
      },
      ctx,
    );
  } finally {
    await disposer.dispose();
  }
  const reason = interruption();
  if (reason !== undefined && !reason.isSignal) throw reason;
  return 0;
}

async function workFolder(given: string | undefined, disposer: Disposer): Promise<string> {
  const above = given === undefined ? tmpdir() : resolve(given);
  try {
    await mkdir(above, { recursive: true });
    // Takes away what a worker that was killed has left.
    const folder = await temporarySibling(join(above, "fledge-worker"));
    await mkdir(folder, { mode: 0o700 });
    disposer.defer(() => removeTree(folder));
    return folder;
  } catch (error) {
    throw ioError(error, "create", above);
  }
}

function sayReady(
  { store, labels, jobs }: { readonly store: string; readonly labels: readonly string[]; readonly jobs: number },
  { json, quiet }: WorkerArgs,
): void {
  if (json) printJson({ type: "worker:ready", store, labels, jobs });
  else if (!quiet)
    say([line`${green`✔`} waiting for work ${gray`${jobs} builds at once; ${labels.join(", ")}; ${store}`}`]);
}

/** A server that is away says so for each command that waits for it. */
function quietly(tellOnce: (message: string) => void): (error: Error) => void {
  let last = 0;
  return (error) => {
    const now = performance.now();
    if (last !== 0 && now - last < 10_000) return;
    last = now;
    tellOnce(`the queue: ${error.message}`);
  };
}

function warn(message: string, { json }: WorkerArgs): void {
  if (json) printJson({ type: "warning", message });
  else say([line`${yellow`warning`} ${message}`]);
}

function tell(event: WorkerEvent, { json, quiet }: WorkerArgs): void {
  if (json) printJson({ type: "worker:build", ...event });
  if (json || quiet) return;
  const { id, plugin, state, durationMs, message } = event;
  const mark = {
    taken: cyan`▸`,
    done: green`✔`,
    failed: red`✖`,
    cancelled: yellow`■`,
    "given back": yellow`↩`,
    lost: yellow`?`,
  }[state];
  const took = durationMs === undefined ? "" : ` ${formatDuration(durationMs)}`;
  say([
    line`${mark} ${gray`${id.slice(0, 13)}`} ${plugin} ${state}${took}${message === undefined ? "" : `: ${message}`}`,
  ]);
}
