import { mkdir, realpath, statfs } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import type { Env } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import { removeTree } from "../lib/files/atomic.ts";
import { makeFolders } from "../lib/files/folders.ts";
import { ioError } from "../lib/files/io-error.ts";
import { takeLock } from "../store/lock.ts";
import type { BundleLimits } from "./bundle/index.ts";
import { endChild } from "./child.ts";
import { createApp, hostsOf, type Listener, listen, Metrics, type Service, Tickets, TokenFile } from "./http/index.ts";
import { type BuildView, openEmbedded, type Queue } from "./queue/index.ts";
import { buildWork } from "./work.ts";

export type ServeOptions = {
  readonly listener: Listener;
  /** Where builds are kept; absolute. One service at a time has it. */
  readonly stateDir: string;
  readonly cacheDir: string;
  /** Folders below which a project may be that is built where it is; absolute. */
  readonly roots: readonly string[];
  /** A file of tokens; needed to listen at an address. */
  readonly tokens?: string | undefined;
  /** What `Host` may say beside the address. */
  readonly hosts: readonly string[];
  /** Data only: see `ChildJob`. */
  readonly declarative?: readonly string[] | undefined;
  readonly jobs: number;
  readonly maxQueued: number;
  readonly maxBodyBytes: number;
  readonly limits: BundleLimits;
  readonly timeoutMs: number;
  readonly keep: { readonly count: number; readonly ageMs: number };
  /** See `ChildOptions`. */
  readonly program: readonly [string, ...string[]];
  readonly env: Env;
  readonly envNames: readonly string[];
  readonly onState: (view: BuildView) => void;
  readonly warn: (message: string) => void;
};

/** A service that runs. */
export type Serving = {
  readonly url: string;
  /** Lets go of what runs, so that the next start takes it up, and removes the socket. */
  close(): Promise<void>;
};

/** Who has the folder keeps it for long; this is enough to find that nobody has. */
const GLANCE_MS = 500;

/** Starts the service. Throws when something is in the way, and has changed nothing then. */
export async function serve(options: ServeOptions): Promise<Serving> {
  const { listener, stateDir } = options;
  if (listener.kind === "tcp" && options.tokens === undefined) {
    throw new FledgeError(
      "usage",
      "who may connect to an address may run programs here: a listener there needs tokens",
      {
        hint: "--tokens FILE names a file of them, and --new-token NAME adds one; or leave out --listen for a socket of yours",
      },
    );
  }
  const tokens = options.tokens === undefined ? undefined : new TokenFile(options.tokens);
  const roots = await Promise.all(options.roots.map(realRoot));
  const release = await claim(stateDir);
  const controller = new AbortController();
  let queue: Queue | undefined;
  try {
    const uploads = join(stateDir, "uploads");
    await removeTree(uploads);
    await mkdir(uploads, { mode: 0o700 });
    const metrics = new Metrics();
    queue = await openQueue(options, metrics);
    const { maxBodyBytes, limits, env } = options;
    const port = listener.kind === "tcp" ? await portFor(listener) : 0;
    const service: Service = {
      ...{ queue, uploads, roots, maxBodyBytes, limits, env, tokens, metrics, tickets: new Tickets() },
      hosts: listener.kind === "tcp" ? hostsOf(listener.host, port, options.hosts) : undefined,
      signal: controller.signal,
      freeBytes: async () => {
        const { bavail, bsize } = await statfs(stateDir);
        return bavail * bsize;
      },
    };
    const listening = await listen(createApp(service), listener.kind === "tcp" ? { ...listener, port } : listener);
    const opened = queue;
    return {
      url: listening.url,
      close: async () => {
        controller.abort(new FledgeError("aborted", "the service is ending"));
        await opened.close();
        await listening.close();
        await release();
      },
    };
  } catch (error) {
    await queue?.close();
    await release();
    throw error;
  }
}

async function openQueue(options: ServeOptions, metrics: Metrics): Promise<Queue> {
  const { stateDir, jobs, maxQueued, timeoutMs, keep, warn } = options;
  return await openEmbedded({
    ...{ folder: join(stateDir, "builds"), jobs, maxQueued, timeoutMs, keep, warn },
    work: buildWork(options),
    endLeftovers: endChild,
    onState: (view) => {
      metrics.countState(view);
      options.onState(view);
    },
  });
}

/** Two services in one folder would both build what waits there. */
async function claim(stateDir: string): Promise<() => Promise<void>> {
  await makeFolders(dirname(stateDir)).catch((error: unknown) => {
    throw ioError(error, "create", stateDir);
  });
  await mkdir(stateDir, { mode: 0o700, recursive: true }).catch((error: unknown) => {
    throw ioError(error, "create", stateDir);
  });
  const nobody = { signal: new AbortController().signal, progress: () => {}, log: () => {} };
  const lock = await takeLock(nobody, { folder: stateDir, key: "serve.lock", name: stateDir }, GLANCE_MS);
  if (lock.isHeld) return async () => await lock.release();
  throw new FledgeError("usage", `another service keeps its builds in ${stateDir}`, {
    hint: "end it, or choose another folder with --state",
  });
}

async function realRoot(path: string): Promise<string> {
  return await realpath(path).catch((error: unknown) => {
    throw ioError(error, "read", path, { ifAbsent: "--root names a folder that is there" });
  });
}

/** The port that the system gives where 0 is asked for: what `Host` may say has it. */
async function portFor({ host, port }: Extract<Listener, { kind: "tcp" }>): Promise<number> {
  if (port !== 0) return port;
  return await new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen({ host, port: 0 }, () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
