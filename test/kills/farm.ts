import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { queueName } from "../../src/farm/jobs.ts";
import { build, loadPlugins } from "../../src/index.ts";
import { sha256 } from "../../src/lib/digest.ts";
import { type FarmPlaces, type FarmProcess, farmWorkspace, startBuild, startWorker } from "../helpers/farm.ts";
import { commandsWith } from "../helpers/processes.ts";
import { startRedis } from "../helpers/redis.ts";
import { startRegistry } from "../helpers/registry.ts";
import type { Run } from "./tally.ts";

const NAMES = ["one", "two", "three"];
const WORKERS = 2;
/** Each of so many builds meets a queue that is restarted, too. */
const RESTART_EACH = 10;

/** A child that loads its modules sees the end of its worker a little later: 10 s on a machine that is busy. */
const GONE_TRIES = 100;

/**
 * SIGKILL of a worker at a moment between where the first build is taken and where the last one usually ends: each
 * submitted build is done once, is what a build here makes, and nothing of the dead runs on.
 */
export async function killWorkers({ times, random, tally }: Run): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "fledge-kills-"));
  const [cwd, out, local] = ["project", "out", "local"].map((name) => join(folder, name)) as [string, string, string];
  const [redis, registry] = await Promise.all([startRedis(), startRegistry()]);
  const places: FarmPlaces = { url: redis.url, store: `${registry.host}/kills/farm` };
  let begun = 0;
  const begin = (): Worker => {
    const home = join(folder, `worker-${begun++}`);
    return { home, process: startWorker(places, home) };
  };
  const workers = Array.from({ length: WORKERS }, begin);
  const all = [...workers];
  farmWorkspace(cwd, NAMES);
  const plugins = await loadPlugins({ cwd, outDir: local });

  const round = async (what: string, disturb: (submitted: FarmProcess) => Promise<void>): Promise<number> => {
    writeFileSync(join(cwd, "content"), `${what}\n`);
    for (const path of [out, local]) rmSync(path, { recursive: true, force: true });
    const started = performance.now();
    const submitted = startBuild(places, cwd, out, folder);
    await disturb(submitted);
    const { code, stderr } = await submitted.ended;
    const tookMs = performance.now() - started;
    const failures = submitted.events().filter(({ type }) => type === "build:failed");
    tally.expect(`${what}: failures ${stderr}`, [code, ...failures], [0]);
    const done = submitted.events().filter(({ type }) => type === "build:done");
    tally.expect(`${what}: ends`, done.map(({ plugin }) => plugin).sort(), [...NAMES].sort());
    for (const plugin of plugins) await build(plugin, { cacheDir: join(folder, "local-cache") });
    tally.expect(`${what}: what was made`, statesIn(out), statesIn(local));
    return tookMs;
  };

  const tookMs: number[] = [];
  for (const what of ["warm", "median"]) tookMs.push(await round(what, async () => {}));
  const taken = (): number => all.flatMap(({ process }) => process.events()).filter(isTaken).length;
  const longestMs = tookMs[1] ?? 0;
  tally.count("ms is a round", Math.round(longestMs));
  for (let run = 0; run < times; run++) {
    const before = taken();
    await round(`run ${run}`, async (submitted) => {
      const ended = submitted.ended.then(() => true);
      while (taken() === before && !(await Promise.race([ended, sleep(20, false)])));
      await sleep(random(longestMs));
      const at = random(WORKERS);
      const victim = workers[at] as Worker;
      const events = victim.process.events().filter(({ type }) => type === "worker:build");
      tally.count(events.at(-1)?.state === "taken" ? "killed in a build" : "killed between builds");
      victim.process.kill("SIGKILL");
      await victim.process.ended;
      const next = begin();
      workers[at] = next;
      all.push(next);
      if (run % RESTART_EACH === RESTART_EACH - 1) {
        await redis.restart();
        tally.count("restarts of Redis");
      }
      for (let left = GONE_TRIES; processesOf(victim.home).length > 0 && left > 0; left--) await sleep(100);
      tally.expect(`run ${run}: processes of the dead`, processesOf(victim.home), []);
    });
  }

  const rounds = times + tookMs.length;
  tally.count("builds submitted", rounds * NAMES.length);
  tally.count("builds begun", taken());
  tally.expect("jobs by state", await jobsByState(redis.url), { completed: rounds * NAMES.length });
  tally.expect("builds that two workers say they have done", doneTwice(all), []);
  for (const { process } of workers) await process.said(/"worker:ready"/).then(() => process.kill("SIGTERM"));
  for (const { process } of workers) tally.expect("exit code of a worker", (await process.ended).code, 0);
  await Promise.all([redis.stop(), registry.stop()]);
  tally.expect("processes left", processesOf(folder), []);
  rmSync(folder, { recursive: true });
}

type Worker = { readonly home: string; readonly process: FarmProcess };

function isTaken({ state }: { readonly [key: string]: unknown }): boolean {
  return state === "taken";
}

function statesIn(folder: string): Record<string, string> {
  mkdirSync(folder, { recursive: true });
  const names = readdirSync(folder).sort();
  return Object.fromEntries(names.map((name) => [name, sha256(readFileSync(join(folder, name)))]));
}

/** A child of a worker has its folder on its command line, as the worker itself has. */
function processesOf(folder: string): string[] {
  return commandsWith(`${folder}/`);
}

async function jobsByState(url: string): Promise<Record<string, number>> {
  const connection = new Redis(url, { maxRetriesPerRequest: null });
  const queue = new Queue(queueName([]), { connection });
  const counts = await queue.getJobCounts();
  await queue.close();
  connection.disconnect();
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}

function doneTwice(workers: readonly Worker[]): string[] {
  const events = workers.flatMap(({ process }) => process.events());
  const done = events.flatMap(({ state, id }) => (state === "done" ? String(id) : []));
  return done.filter((id, index) => done.indexOf(id) !== index);
}
