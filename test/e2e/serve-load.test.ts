import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { describeWith, requireRoot, requireTools } from "../helpers/requirements.ts";
import {
  answerOf,
  codeBundle,
  ended,
  messagesIn,
  smallBundle,
  startService,
  submit,
  type TestService,
} from "../helpers/serve.ts";

const BUILDS = Number(process.env.FLEDGE_LOAD_BUILDS ?? 200);
const CLIENTS = 32;
const MIB = 2 ** 20;
const ARGS = ["--jobs", "2", "--max-queue", String(BUILDS + 50), "--keep", String(BUILDS + 50), "--timeout", "60s"];

/** A disk of its own, and a small one. */
function smallDisk(): string {
  const folder = mkdtempSync(join(tmpdir(), "fledge-test-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=64m", "tmpfs", folder]);
  onTestFinished(() => {
    execFileSync("umount", ["-l", folder]);
    rmSync(folder, { recursive: true });
  });
  mkdirSync(join(folder, "state"));
  return join(folder, "state");
}

async function rssOf(service: TestService): Promise<number> {
  return Number(/^process_resident_memory_bytes (\d+)$/m.exec((await service.ask("/metrics")).text)?.[1]);
}

type Listed = {
  id: string;
  state: string;
  position?: number;
  attempts: number;
  error?: { message: string };
  outputs?: { artifact: { digest: string } };
};

async function listed(service: TestService): Promise<Listed[]> {
  return (await service.ask("/v1/builds")).json.builds;
}

const HAS_ENDED = new Set(["done", "failed", "cancelled"]);

async function whenEnded(service: TestService, count: number): Promise<Listed[]> {
  for (;;) {
    const all = await listed(service);
    if (all.filter(({ state }) => HAS_ENDED.has(state)).length >= count) return all;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** Clients that read at once, that dawdle, and that do not read at all. */
async function clientsOf(service: TestService, ids: readonly string[]): Promise<Promise<string>[]> {
  const streams = Array.from({ length: CLIENTS }, (_, index) =>
    service.open(`/v1/builds/${ids[(index * 5) % ids.length]}/events`),
  );
  const open = await Promise.all(streams);
  return open.flatMap((stream, index) => {
    stream.on("error", () => {}); // the service ends in between
    if (index % 4 === 1) return read(stream, 1000);
    if (index % 4 === 2) return [];
    return read(stream, 0);
  });
}

async function read(stream: IncomingMessage, pauseMs: number): Promise<string> {
  let text = "";
  try {
    for await (const chunk of stream) {
      text += chunk;
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  } catch {} // the service was ended
  return text;
}

describeWith("a service under load", [requireRoot(), requireTools("mount")], () => {
  test(`${BUILDS} builds, ${CLIENTS} readers, one that hangs, one that fills the disk, and a restart`, async () => {
    const state = smallDisk();
    const started = performance.now();
    const first = await startService({ state, args: ARGS });
    const submitted = performance.now();
    const ids: string[] = [];
    let hanging = "";
    let filling = "";
    for (let index = 0; index < BUILDS; index++) {
      const { status, json } = await submit(first, smallBundle(`p${index}`, `text ${index}`), `plugin=p${index}`, {
        "idempotency-key": `k${index}`,
      });
      expect(status).toBe(202);
      ids.push(json.id);
      if (index === 10) hanging = (await submit(first, codeBundle("for (;;);"), "plugin=hangs")).json.id;
      if (index === 20) {
        const code = 'import { appendFileSync } from "node:fs"; for (;;) appendFileSync("fill", Buffer.alloc(65536));';
        filling = (await submit(first, codeBundle(code), "plugin=fills")).json.id;
      }
    }
    const submitMs = performance.now() - submitted;
    const waiting = (await listed(first)).filter(({ position = 0 }) => position > 0).reverse();
    expect(waiting.map(({ position }) => position)).toEqual(waiting.map((_, index) => index + 1));
    expect(new Set([...ids, hanging, filling]).size).toBe(BUILDS + 2);

    const readers = await clientsOf(first, ids);
    const warm = Math.floor(BUILDS * 0.15);
    await whenEnded(first, warm);
    const rssEarly = await rssOf(first);
    await whenEnded(first, Math.floor(BUILDS * 0.5));
    const rssMiddle = await rssOf(first);
    const stopped = performance.now();
    await first.stop("SIGTERM");
    const stopMs = performance.now() - stopped;
    expect((await first.cli.ended).code).toBe(0);
    await Promise.all(readers);

    const second = await startService({ state, args: ARGS });
    const left = (await listed(second)).filter(({ position = 0 }) => position > 0).reverse();
    expect(left.map(({ position }) => position)).toEqual(left.map((_, index) => index + 1));
    const again = await clientsOf(second, ids.slice(Math.floor(BUILDS * 0.6)));
    expect(
      (await submit(second, smallBundle("p0", "text 0"), "plugin=p0", { "idempotency-key": "k0" })).json,
    ).toMatchObject({ id: ids[0], isNew: false });
    const rssAfterStart = await rssOf(second);
    const all = await whenEnded(second, BUILDS + 2);
    const rssLate = await rssOf(second);
    for (const text of await Promise.all(again)) expect(messagesIn(text).at(-1)).toMatchObject({ event: "end" });

    expect(all).toHaveLength(BUILDS + 2);
    const byId = new Map(all.map((build) => [build.id, build]));
    expect(byId.get(hanging)).toMatchObject({ state: "failed", error: { message: expect.stringContaining("60.0 s") } });
    const full = /no space|disk is full/i;
    expect(JSON.stringify(await ended(second, filling))).toMatch(full);
    const small = ids.map((id) => byId.get(id) as Listed);
    // Who ran beside the one that filled the disk may have met its end, and says so.
    const failed = small.filter(({ state }) => state !== "done");
    const seconds = (performance.now() - started) / 1000;
    console.log(
      JSON.stringify({
        ...{ builds: BUILDS + 2, seconds, submitMs, stopMs, failedOfSmall: failed.length },
        rssMiB: [rssEarly, rssMiddle, rssAfterStart, rssLate].map((bytes) => Math.round(bytes / MIB)),
      }),
    );
    for (const { error } of failed) expect(JSON.stringify(error)).toMatch(full);
    expect(failed.length).toBeLessThanOrEqual(5);
    for (const { id, outputs } of small.filter(({ state }) => state === "done")) {
      const { bytes } = await second.ask(`/v1/builds/${id}/artifact`);
      expect(`sha256:${createHash("sha256").update(bytes).digest("hex")}`).toBe(outputs?.artifact.digest);
    }
    await second.stop();
    expect(readdirSync(join(state, "builds")).filter((name) => name.startsWith("."))).toEqual([]);
    expect(Math.max(rssMiddle - rssEarly, rssLate - rssAfterStart)).toBeLessThan(64 * MIB);
  }, 3_600_000);

  test("a reader that never reads holds nothing back", async () => {
    const service = await startService();
    const loud = codeBundle(
      'for (let i = 0; i < 200_000; i++) console.log("x".repeat(200), i); await new Promise((resolve) => setTimeout(resolve, 500));',
    );
    const before = await rssOf(service);
    const { id } = (await submit(service, loud)).json;
    const idle = await Promise.all(Array.from({ length: 8 }, () => service.open(`/v1/builds/${id}/events`)));
    expect(await ended(service, id)).toMatchObject({ state: "done" });
    const grown = (await rssOf(service)) - before;
    console.log(JSON.stringify({ loudBuildGrewMiB: Math.round(grown / MIB) }));
    expect(grown).toBeLessThan(96 * MIB);
    const { text } = await answerOf(idle[0] as IncomingMessage);
    expect(text).toContain("the rest of what this build says is left out");
    expect(messagesIn(text).at(-1)).toMatchObject({ event: "end", data: { state: "done" } });
    for (const stream of idle) stream.destroy();
  }, 600_000);
});
