import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Digest } from "../../../../src/lib/digest.ts";
import { FledgeError } from "../../../../src/lib/errors.ts";
import { type Job, type LoggedEvent, openEmbedded, type Queue, type Task } from "../../../../src/serve/queue/index.ts";
import type { EmbeddedOptions } from "../../../../src/serve/queue/task.ts";
import { requestSchema } from "../../../../src/serve/request.ts";
import { tempDir } from "../../../helpers/temp.ts";

const DIGEST = `sha256:${"0".repeat(64)}` as Digest;
const nobody = new AbortController().signal;

/** Builds that end when they are told to; the plugin's name says how. */
function bench(options: Partial<EmbeddedOptions> & { folder?: string } = {}) {
  const folder = options.folder ?? join(tempDir(), "builds");
  const started: string[] = [];
  const release = new Map<string, () => void>();
  const work = async (task: Task) => {
    const { record, places, signal, onEvent } = task;
    const { plugin = "" } = record.request;
    started.push(plugin);
    onEvent({ type: "log", plugin, message: "begun" });
    await new Promise<void>((resolve, reject) => {
      release.set(plugin, resolve);
      if (plugin.startsWith("quick")) resolve();
      signal.addEventListener("abort", () => reject(new FledgeError("aborted", "stopped")));
    });
    if (plugin.includes("bad")) throw new FledgeError("stage", "it broke", { hint: "mend it" });
    writeFileSync(join(places.out, "a.tar"), "made");
    return { artifact: { name: "a.tar", sizeBytes: 4, digest: DIGEST } };
  };
  const open = (more: Partial<EmbeddedOptions> = {}): Promise<Queue> =>
    openEmbedded({
      ...{ folder, jobs: 1, maxQueued: 3, timeoutMs: 60_000, keep: { count: 10, ageMs: 60_000 }, work, warn: () => {} },
      ...options,
      ...more,
    });
  return { folder, started, open, release: (plugin: string) => release.get(plugin)?.() };
}

function job(plugin: string, more: Partial<Job> = {}): Job {
  return { source: { kind: "folder", path: "/nowhere" }, request: requestSchema.parse({ plugin }), ...more };
}

async function collect(events: AsyncIterable<LoggedEvent>): Promise<LoggedEvent[]> {
  const all: LoggedEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

async function ended(queue: Queue, id: string): Promise<LoggedEvent[]> {
  return await collect(queue.events(id, 0, nobody));
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

const statesIn = (events: readonly LoggedEvent[]) =>
  events.flatMap(({ event }) => (event.type === "state" ? event.state : []));

test("runs one after the other, says their places, and keeps what they made", async () => {
  const { open, started, release, folder } = bench();
  const queue = await open();
  const [one, two, three] = [
    await queue.submit(job("one")),
    await queue.submit(job("two")),
    await queue.submit(job("three")),
  ];
  expect([one.position, two.position, three.position]).toEqual([0, 1, 2]);
  await until(() => started.includes("one"));
  expect(await queue.status()).toEqual({ running: 1, queued: 2, jobs: 1, maxQueued: 3 });
  release("one");
  const events = await ended(queue, one.id);
  expect(statesIn(events)).toEqual(["queued", "running", "done"]);
  expect(await queue.get(one.id)).toMatchObject({
    state: "done",
    attempts: 1,
    outputs: { artifact: { name: "a.tar" } },
  });
  expect(await queue.output(one.id, "artifact")).toBe(join(folder, one.id, "out/a.tar"));
  expect(await queue.output(one.id, "manifest")).toBeUndefined();
  await until(() => started.includes("two"));
  expect((await queue.get(three.id))?.position).toBe(1);
  expect((await queue.list()).map(({ id }) => id)).toEqual([three.id, two.id, one.id]);
  await queue.close();
});

test("events are read again from any of them", async () => {
  const { open } = bench();
  const queue = await open();
  const { id } = await queue.submit(job("quick"));
  const all = await ended(queue, id);
  for (const { id: after } of all) {
    expect(await collect(queue.events(id, after, nobody))).toEqual(all.filter((event) => event.id > after));
  }
  const between = (all[1]?.id ?? 0) - 3;
  expect(await collect(queue.events(id, between, nobody))).toEqual(all.slice(2));
  expect(await collect(queue.events("000000000-0000000000", 0, nobody))).toEqual([]);
  await queue.close();
});

test("cancels what waits, what runs and what has ended", async () => {
  const { open, started } = bench();
  const queue = await open();
  const running = await queue.submit(job("running"));
  const waiting = await queue.submit(job("waiting"));
  await until(() => started.length === 1);
  expect(await queue.cancel(waiting.id)).toMatchObject({ state: "cancelled" });
  expect(await queue.cancel(running.id)).toMatchObject({ state: "cancelled" });
  expect(await queue.cancel(running.id)).toMatchObject({ state: "cancelled" });
  expect(await queue.cancel("000000000-0000000000")).toBeUndefined();
  const early = await queue.submit(job("early"));
  expect(await queue.cancel(early.id)).toMatchObject({ state: "cancelled" });
  expect((await queue.status()).running).toBe(0);
  await queue.close();
});

test("a failure is a part of what is known; a build that hangs is ended", async () => {
  const { open } = bench();
  const queue = await open({ timeoutMs: 500 });
  const bad = await queue.submit(job("quick-bad"));
  await ended(queue, bad.id);
  expect(await queue.get(bad.id)).toMatchObject({
    state: "failed",
    error: { code: "stage", message: "it broke", hint: "mend it" },
  });
  const hung = await queue.submit(job("hung"));
  await ended(queue, hung.id);
  expect(await queue.get(hung.id)).toMatchObject({
    state: "failed",
    error: { message: expect.stringContaining("500 ms") },
  });
  await queue.close();
});

test("one key is one build, and nobody else's", async () => {
  const { open, folder } = bench();
  const queue = await open();
  const all = await Promise.all([1, 2, 3].map(() => queue.submit(job("one", { key: "k" }))));
  expect(new Set(all.map(({ id }) => id)).size).toBe(1);
  expect(all.map(({ isNew }) => isNew)).toEqual([true, false, false]);
  await expect(queue.submit(job("two", { key: "k" }))).rejects.toMatchObject({ reason: "conflict" });
  expect((await queue.submit(job("two", { key: "k", by: "ann" }))).isNew).toBe(true);
  await queue.close();
  const again = await bench({ folder }).open();
  expect(await again.submit(job("one", { key: "k" }))).toMatchObject({ id: all[0]?.id, isNew: false });
  await again.close();
});

test("is full at some point, and says where one would be", async () => {
  const { open } = bench();
  const queue = await open();
  const jobs = ["one", "two", "three", "four"].map((name) => queue.submit(job(name)));
  await Promise.all(jobs);
  await expect(queue.submit(job("five"))).rejects.toMatchObject({
    reason: "queue-full",
    status: 429,
    position: 4,
    retryAfterSec: 10,
  });
  await queue.close();
});

test("a new start takes up what waited and what ran, in its order, but not for ever", async () => {
  const first = bench();
  const queue = await first.open();
  const [one, two] = [await queue.submit(job("one")), await queue.submit(job("two"))];
  await until(() => first.started.length === 1);
  await queue.close();
  const idle = await bench({ folder: first.folder }).open({ jobs: 0 });
  const seen = await collect(idle.events(one.id, 0, AbortSignal.timeout(100)));
  expect(statesIn(seen)).toEqual(["queued", "running", "queued"]);
  await idle.close();

  const second = bench({ folder: first.folder });
  const again = await second.open();
  await until(() => second.started.length === 1);
  expect(second.started).toEqual(["one"]);
  expect((await again.get(two.id))?.position).toBe(1);
  // As after a kill: what is on disk says that it runs.
  const third = bench({ folder: first.folder });
  const leftovers: string[] = [];
  const after = await third.open({ endLeftovers: (id) => void leftovers.push(id) });
  await until(() => third.started.length === 1);
  expect(leftovers).toEqual([one.id, two.id]);
  expect(await after.get(one.id)).toMatchObject({ attempts: 2, state: "running" });
  const fourth = await bench({ folder: first.folder }).open();
  expect(await fourth.get(one.id)).toMatchObject({
    state: "failed",
    error: { message: expect.stringContaining("2 times") },
  });
  for (const open of [again, after, fourth]) await open.close();
});

test("keeps so many, and so long", async () => {
  const { open, folder } = bench();
  const queue = await open({ keep: { count: 2, ageMs: 60_000 } });
  const ids: string[] = [];
  for (const name of ["quick1", "quick2", "quick3"]) {
    const { id } = await queue.submit(job(name));
    ids.push(id);
    await ended(queue, id);
  }
  await until(() => readdirSync(folder).length === 2);
  expect(await queue.get(ids[0] ?? "")).toBeUndefined();
  await queue.close();
  const later = await open({ keep: { count: 2, ageMs: 0 } });
  expect(await later.list()).toEqual([]);
  await later.close();
});

test("takes over the bundle of a job, and gives it back where it will not", async () => {
  const { open, folder } = bench();
  const queue = await open({ maxQueued: 0 });
  const file = join(tempDir(), "bundle.tar");
  writeFileSync(file, "x");
  const source = { kind: "bundle", file, digest: DIGEST, sizeBytes: 1 } as const;
  await queue.submit(job("one", { source }));
  expect(existsSync(file)).toBe(false);
  writeFileSync(file, "x");
  await expect(queue.submit(job("two", { source }))).rejects.toMatchObject({ reason: "queue-full" });
  expect(existsSync(file)).toBe(true);
  await queue.close();
  expect(readdirSync(folder)).toHaveLength(1);
});
