import type * as bullmq from "bullmq";
import { errnoOf, FledgeError, messageOf } from "../../lib/errors.ts";

type BullMq = typeof bullmq;

/** BullMQ's classes, bound to one database. */
export type Engine = {
  readonly UnrecoverableError: BullMq["UnrecoverableError"];
  queue(name: string): bullmq.Queue;
  worker(
    name: string,
    options: Pick<bullmq.WorkerOptions, "lockDuration" | "stalledInterval" | "maxStalledCount">,
  ): bullmq.Worker;
  close(): Promise<void>;
};

const CONNECT_MS = 10_000;

/** Each queue has one that it listens at. */
const MAX_CONNECTIONS = 60;

/** BullMQ sets it for pools of its own only. */
const SCHEMA = "-c search_path=bullmq";

/**
 * Connects to `redis://`, `rediss://` or `postgres://`. Throws a `usage` error for other URLs and where the packages are
 * missing, a `download` error when nobody answers.
 */
export async function connect(url: string, onError: (error: Error) => void): Promise<Engine> {
  const kind = /^rediss?:\/\//.test(url) ? "redis" : /^postgres(ql)?:\/\//.test(url) ? "postgres" : undefined;
  if (kind === undefined || !URL.canParse(url)) {
    throw new FledgeError("usage", `"${shown(url)}" is no queue`, {
      hint: "--queue redis://HOST:6379 or --queue postgres://USER@HOST/DATABASE",
    });
  }
  const packages = kind === "redis" ? ["bullmq", "ioredis"] : ["bullmq", "pg"];
  try {
    const bull = await import("bullmq");
    return kind === "redis" ? await redis(bull, url, onError) : await postgres(bull, url, onError);
  } catch (error) {
    if (errnoOf(error) !== "ERR_MODULE_NOT_FOUND" && errnoOf(error) !== "MODULE_NOT_FOUND") throw error;
    throw new FledgeError("usage", `a queue of ${kind} needs the packages ${packages.join(" and ")}`, {
      hint: `npm install ${packages.join(" ")}, where fledge is installed (with -g where that is)`,
      cause: error,
    });
  }
}

async function redis(bull: BullMq, url: string, onError: (error: Error) => void): Promise<Engine> {
  const { Redis } = await import("ioredis");
  // Commands wait while the server is away, as they must when it is restarted.
  const connection = new Redis(url, { maxRetriesPerRequest: null, enableReadyCheck: true });
  let last: Error | undefined;
  connection.on("error", (error: Error) => {
    last = error;
    onError(error);
  });
  try {
    await within(connection.ping());
  } catch (error) {
    connection.disconnect();
    throw unreachable(url, last ?? error);
  }
  return engineOf(
    bull,
    (name) => new bull.Queue(name, { connection }),
    (name, options) => new bull.Worker(name, null, { connection, ...options, autorun: false }),
    { onError, end: async () => connection.disconnect() },
  );
}

async function postgres(bull: BullMq, url: string, onError: (error: Error) => void): Promise<Engine> {
  const { default: pg } = await import("pg");
  const pool = new pg.Pool({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_MS,
    options: SCHEMA,
    max: MAX_CONNECTIONS,
  });
  pool.on("error", onError);
  // Each queue listens to it.
  pool.setMaxListeners(0);
  try {
    const client = await pool.connect();
    // Makes the tables where there are none; whoever comes at the same time waits.
    await bull.runMigrations(client).finally(() => client.release());
  } catch (error) {
    await pool.end();
    throw unreachable(url, error);
  }
  // One pool for all: its type is none that BullMQ knows by its name.
  const connection = pool as unknown as bullmq.PostgresPoolConfig;
  const { Queue, Worker } = bull.withBackend(bull.createPostgresBackend);
  return engineOf(
    bull,
    (name) => new Queue(name, { connection }) as unknown as bullmq.Queue,
    (name, options) => new Worker(name, null, { connection, ...options, autorun: false }) as unknown as bullmq.Worker,
    { onError, end: () => pool.end() },
  );
}

/** What both databases have in common: each queue and worker has a handler for its errors, and is closed with the engine. */
function engineOf(
  { UnrecoverableError }: BullMq,
  queue: Engine["queue"],
  worker: Engine["worker"],
  { onError, end }: { readonly onError: (error: Error) => void; end(): Promise<void> },
): Engine {
  const open: { close(): Promise<void> }[] = [];
  // An error without a handler would end the process.
  const tracked = <T extends bullmq.Queue | bullmq.Worker>(one: T): T => {
    (one as { on(event: "error", handler: (error: Error) => void): unknown }).on("error", onError);
    open.push(one);
    return one;
  };
  return {
    UnrecoverableError,
    queue: (name) => tracked(queue(name)),
    worker: (name, options) => tracked(worker(name, options)),
    close: async () => {
      await Promise.allSettled(open.map((one) => one.close()));
      await end();
    },
  };
}

async function within<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${CONNECT_MS / 1000} s`)), CONNECT_MS);
  });
  return await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function unreachable(url: string, cause: unknown): FledgeError {
  const text = errnoOf(cause) ?? messageOf(cause);
  return new FledgeError("download", `the queue at ${shown(url)} cannot be used: ${text}`, {
    hint: "check that its server runs, and its address, user and password",
    cause,
  });
}

/** Without its password. */
function shown(url: string): string {
  if (!URL.canParse(url)) return url;
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
