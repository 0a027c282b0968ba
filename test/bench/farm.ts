import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { type FarmJob, jobId, queueName } from "../../src/farm/jobs.ts";
import { openQueue } from "../../src/farm/queue/index.ts";
import { sha256 } from "../../src/lib/digest.ts";
import { inParallel } from "../../src/lib/jobs.ts";
import { requestSchema } from "../../src/serve/request.ts";
import { type FarmPlaces, type FarmProcess, farmWorkspace, startBuild, startWorker } from "../helpers/farm.ts";
import { type QueueServer, startRedis } from "../helpers/redis.ts";
import { type Registry, startRegistry } from "../helpers/registry.ts";
import { startSlowProxy } from "../helpers/slow-proxy.ts";
import { inTempDir, median } from "./measure.ts";

const JOBS = 10_000;
const TAKEN = 500;
const SUBMITTERS = 8;
const PLUGINS = 12;
/** Of each request, and of each connection. */
const SLOW = { latencyMs: 200, bytesPerSecond: 2 ** 20 };

/** A farm on this machine: a long queue, many who want the same, and how it grows with its workers where bytes travel slowly. */
export async function benchFarm(): Promise<void> {
  await onFarm(longQueue);
  await onFarm(equalSubmitters);
  await onFarm(moreWorkers);
}

type Farm = {
  readonly redis: QueueServer;
  readonly registry: Registry;
  readonly places: FarmPlaces;
  readonly folder: string;
};

async function onFarm(run: (farm: Farm) => Promise<void>): Promise<void> {
  const [redis, registry] = await Promise.all([startRedis(), startRegistry()]);
  const places = { url: redis.url, store: `${registry.host}/bench/farm` };
  try {
    await inTempDir((folder) => run({ redis, registry, places, folder }));
  } finally {
    await Promise.all([redis.stop(), registry.stop()]);
  }
}

async function longQueue({ redis }: Farm): Promise<void> {
  console.log(`farm: ${JOBS} jobs in Redis`);
  const [name, server] = [queueName([]), new Redis(redis.url)];
  const queue = await openQueue({ url: redis.url, lockMs: 30_000, onError: () => {} });
  const jobOf = (index: number): FarmJob => ({
    bundle: sha256(`project ${index}`),
    request: requestSchema.parse({ plugin: `plugin-${index}`, platform: "linux/amd64" }),
  });
  const add = async (index: number): Promise<string> => {
    const job = jobOf(index);
    const id = jobId(job);
    await queue.add(name, id, job);
    return id;
  };
  const ask = async (id: string): Promise<void> => {
    const state = await queue.state(name, id);
    if (state.kind !== "waiting") throw new Error(`a job that waits is ${state.kind}`);
  };
  const first = await add(0);
  report("state and place of one, alone", await perCall(100, () => ask(first)));
  const before = await memoryOf(server);
  const seconds = await timed(() => inParallel([...Array(JOBS).keys()].slice(1), 64, add));
  console.log(`  ${"all submitted, 64 at once".padEnd(44)} ${seconds.toFixed(1)} s, ${perSecond(JOBS, seconds)}`);
  const used = (await memoryOf(server)) - before;
  console.log(
    `  ${"memory of Redis for them".padEnd(44)} ${(used / 2 ** 20).toFixed(1)} MiB, ${(used / JOBS).toFixed(0)} bytes each`,
  );
  report("state and place of one", await perCall(100, () => ask(first)));
  let next = JOBS;
  report("one more submitted, and its place", await perCall(100, async () => ask(await add(next++))));
  report("one taken, and none of it done", await perCall(TAKEN, async () => void (await queue.take([name], "bench"))));
  await queue.close();
  server.disconnect();
}

async function equalSubmitters({ places, folder }: Farm): Promise<void> {
  const cwd = join(folder, "project");
  farmWorkspace(cwd, ["web"]);
  const worker = startWorker(places, join(folder, "worker"));
  await worker.said(/"worker:ready"/);
  const seconds = await timed(async () => {
    const all = [...Array(SUBMITTERS).keys()].map((n) => {
      return startBuild(places, cwd, join(folder, `out-${n}`), join(folder, `home-${n}`));
    });
    for (const submitted of all) await succeeds(submitted);
  });
  const builds = worker.events().filter(({ state }) => state === "done").length;
  console.log(
    `farm: ${SUBMITTERS} equal submitters at once: ${builds} build, ${SUBMITTERS} results, ${seconds.toFixed(1)} s`,
  );
  await end([worker]);
}

async function moreWorkers({ places, registry, folder }: Farm): Promise<void> {
  const { latencyMs, bytesPerSecond } = SLOW;
  console.log(
    `farm: ${PLUGINS} builds, the store late by ${latencyMs} ms a request, ${bytesPerSecond / 2 ** 20} MiB/s a connection`,
  );
  const cwd = join(folder, "project");
  farmWorkspace(
    cwd,
    [...Array(PLUGINS).keys()].map((n) => `plugin-${n}`),
  );
  const proxy = await startSlowProxy(registry.host, SLOW);
  let alone = 0;
  for (const count of [1, 2, 4]) {
    writeFileSync(join(cwd, "content"), `for ${count} workers\n`);
    const submitted = startBuild(places, cwd, join(folder, `out-${count}`), folder);
    await queued(places.url, PLUGINS);
    const slow = { ...places, store: places.store.replace(registry.host, proxy.host) };
    const workers = [...Array(count).keys()].map((n) => startWorker(slow, join(folder, `worker-${count}-${n}`)));
    await Promise.race(workers.map((worker) => worker.said(/"taken"/)));
    const perMinute = (PLUGINS * 60) / (await timed(() => succeeds(submitted)));
    alone ||= perMinute;
    console.log(
      `  ${count} workers: ${perMinute.toFixed(1)} builds a minute, ${(perMinute / alone).toFixed(2)} times one`,
    );
    await end(workers);
  }
  await proxy.close();
}

async function queued(url: string, count: number): Promise<void> {
  const server = new Redis(url);
  while ((await server.llen(`bull:${queueName([])}:wait`)) < count) await sleep(50);
  server.disconnect();
}

async function succeeds({ ended }: FarmProcess): Promise<void> {
  const { code, stderr } = await ended;
  if (code !== 0) throw new Error(`a build on the farm ended with ${code}:\n${stderr}`);
}

async function end(workers: readonly FarmProcess[]): Promise<void> {
  for (const worker of workers) worker.kill("SIGTERM");
  for (const { ended } of workers) await ended;
}

async function memoryOf(server: Redis): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await server.info("memory"))?.[1]);
}

function report(what: string, { medianMs, worstMs }: { readonly medianMs: number; readonly worstMs: number }): void {
  console.log(`  ${what.padEnd(44)} ${medianMs.toFixed(1)} ms, ${worstMs.toFixed(1)} at worst`);
}

function perSecond(count: number, seconds: number): string {
  return `${Math.round(count / seconds)} a second`;
}

async function perCall(count: number, call: () => Promise<void>): Promise<{ medianMs: number; worstMs: number }> {
  const tookMs: number[] = [];
  for (let n = 0; n < count; n++) tookMs.push((await timed(call)) * 1000);
  return { medianMs: median(tookMs), worstMs: Math.max(...tookMs) };
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
}
