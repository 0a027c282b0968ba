import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { type Digest, sha256 } from "../../../src/lib/digest.ts";
import type { LayerEntry } from "../../../src/rootfs/layer.ts";
import { INDEX, layerFolder, RECORD, TAR, writeRecord } from "../../../src/store/layer-entry.ts";
import { openLayer, type StoredLayer, type WantedLayer } from "../../../src/store/layers.ts";
import { listCache, pruneCache, verifyCache } from "../../../src/store/manage.ts";
import { bundled } from "../../helpers/bundled.ts";
import type { TestContext } from "../../helpers/context.ts";
import { noise } from "../../helpers/http-server.ts";
import { pullContext } from "../../helpers/pull.ts";
import { tar } from "../../helpers/tar-writer.ts";
import { tempDir } from "../../helpers/temp.ts";

const archive = tar({ name: "a", data: "alpha" }, { name: "b", data: noise(300_000) });
const packed = gzipSync(archive);
const diffId = sha256(archive);
const blob = { digest: sha256(packed), size: packed.length };

async function* chunksOf(bytes: Uint8Array, size = 10_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function wanted(overrides: Partial<WantedLayer> = {}): WantedLayer & { opened: number } {
  const layer = {
    label: "layer x",
    blob,
    diffId,
    ...overrides,
    opened: 0,
    open(attempt: number) {
      layer.opened++;
      return overrides.open?.(attempt) ?? chunksOf(packed);
    },
  };
  return layer;
}

async function entriesOf(layer: StoredLayer): Promise<LayerEntry[]> {
  const entries: LayerEntry[] = [];
  for await (const entry of layer.entries()) entries.push(entry);
  return entries;
}

/** What each layer has of its own stays out of comparisons. */
function unchecked(entries: readonly LayerEntry[]): unknown[] {
  return entries.map((entry) =>
    entry.type === "file" && entry.content.kind === "stored"
      ? { ...entry, content: { ...entry.content, check: undefined } }
      : entry,
  );
}

/** Everything in the cache but the layers that are published. */
function leftovers(cacheDir: string): string[] {
  const staging = join(cacheDir, "staging");
  return existsSync(staging) ? readdirSync(staging) : [];
}

describe("openLayer", () => {
  it("fetches once, and keeps an archive that entries point into", async () => {
    const ctx = pullContext();
    const layer = wanted();
    const first = await openLayer(layer, ctx);
    const second = await openLayer(layer, ctx);
    expect([first.fromCache, second.fromCache, layer.opened]).toEqual([false, true, 1]);
    const entries = await entriesOf(second);
    expect(unchecked(entries)).toEqual(unchecked(await entriesOf(first)));
    expect(entries.map(({ path }) => path)).toEqual(["a", "b"]);
    const [a] = entries;
    if (a?.type !== "file" || a.content.kind !== "stored") throw new Error("not a stored file");
    const stored = readFileSync(a.content.file);
    expect(stored.toString("latin1", a.content.offset, a.content.offset + a.size)).toBe("alpha");
    expect(stored.equals(archive)).toBe(true);
    expect(leftovers(ctx.cacheDir)).toEqual([]);
  });

  it("finds an archive whose diff_id nobody knows by its digest", async () => {
    const ctx = pullContext();
    const layer = { label: "x", blob, open: () => chunksOf(packed) };
    expect((await openLayer(layer, ctx)).diffId).toBe(diffId);
    expect(await openLayer(layer, ctx)).toMatchObject({ fromCache: true, diffId });
  });

  it.each<[string, Partial<WantedLayer>, string]>([
    ["other bytes", { open: () => chunksOf(gzipSync(Buffer.concat([archive, Buffer.alloc(512)]))) }, "layer x has"],
    ["a flipped bit", { open: () => chunksOf(flip(packed, 2000)) }, `instead of ${blob.digest}`],
    ["a byte too few", { open: () => chunksOf(packed.subarray(0, -1)) }, `${packed.length - 1} bytes instead of`],
    ["a byte too many", { open: () => chunksOf(Buffer.concat([packed, Buffer.alloc(1)])) }, "more than"],
    ["nothing", { open: () => chunksOf(Buffer.alloc(0)) }, "0 bytes instead of"],
    ["another diff_id", { diffId: sha256("x") }, `unpacks to the digest ${diffId}`],
  ])("refuses %s and keeps nothing", async (_, overrides, message) => {
    const ctx = pullContext();
    await expect(openLayer(wanted(overrides), ctx)).rejects.toMatchObject({
      code: "checksum",
      message: expect.stringContaining(message),
    });
    expect(await listCache(ctx.cacheDir)).toEqual([]);
    expect(leftovers(ctx.cacheDir)).toEqual([]);
  });

  it("asks the next place after wrong bytes", async () => {
    const ctx = pullContext();
    const attempts: number[] = [];
    const open = (attempt: number) => {
      attempts.push(attempt);
      return chunksOf(attempt === 0 ? flip(packed, 50) : packed);
    };
    await openLayer(wanted({ open, attempts: 3 }), ctx);
    expect(attempts).toEqual([0, 1]);
    expect(ctx.warnings).toHaveLength(1);
  });

  it("passes on what the download throws, and refuses what is no archive", async () => {
    const ctx = pullContext();
    const failing = async function* (): AsyncGenerator<Uint8Array> {
      yield packed.subarray(0, 100);
      throw new Error("broken line");
    };
    await expect(openLayer(wanted({ open: failing }), ctx)).rejects.toThrow("broken line");
    const text = Buffer.from("no archive".repeat(100));
    const layer = { label: "layer y", diffId: sha256(text), open: () => chunksOf(text) };
    await expect(openLayer(layer, ctx)).rejects.toMatchObject({ code: "source" });
    expect(leftovers(ctx.cacheDir)).toEqual([]);
  });

  it("ends with the build's signal and leaves nothing", async () => {
    const stop = new AbortController();
    const ctx = { ...pullContext(), signal: stop.signal };
    const open = async function* (): AsyncGenerator<Uint8Array> {
      yield packed.subarray(0, 50_000);
      stop.abort();
      yield packed.subarray(50_000);
    };
    await expect(openLayer(wanted({ open }), ctx)).rejects.toMatchObject({ code: "aborted" });
    expect(leftovers(ctx.cacheDir)).toEqual([]);
  });

  it("says so when the cache cannot be written", async () => {
    const file = join(tempDir(), "file");
    writeFileSync(file, "");
    const ctx = pullContext({}, join(file, "cache"));
    await expect(openLayer(wanted(), ctx)).rejects.toMatchObject({
      code: "store",
      hint: expect.stringContaining("--cache-dir"),
    });
  });

  it.skipIf(process.getuid?.() !== 0)("says so when the disk is full, and gives the space back", async () => {
    const cacheDir = tempDir();
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=200k", "tmpfs", cacheDir]);
    try {
      const ctx = pullContext({}, cacheDir);
      await expect(openLayer(wanted(), ctx)).rejects.toMatchObject({
        code: "store",
        message: expect.stringContaining("the disk is full"),
      });
      expect(leftovers(cacheDir)).toEqual([]);
    } finally {
      execFileSync("umount", [cacheDir]);
    }
  });

  it("says again what the archive had to say", async () => {
    const odd = tar({ name: "odd", type: "V" }, { name: "a", data: "x" });
    const layer = { label: "layer o", diffId: sha256(odd), open: () => chunksOf(odd) };
    const first = pullContext();
    await openLayer(layer, first);
    const second = pullContext({}, first.cacheDir);
    await openLayer(layer, second);
    expect(second.warnings).toEqual(first.warnings);
  });
});

describe("a layer that is damaged on disk", () => {
  const damages: Record<string, (folder: string) => void> = {
    "a tar cut short": (folder) => truncateSync(join(folder, TAR), 100),
    "a tar with another bit": (folder) => writeFileSync(join(folder, TAR), flip(archive, 1000)),
    "an index with another bit": (folder) =>
      writeFileSync(join(folder, INDEX), flip(readFileSync(join(folder, INDEX)), 45)),
    "an empty index": (folder) => truncateSync(join(folder, INDEX), 0),
    "a record that is no JSON": (folder) => writeFileSync(join(folder, RECORD), "{"),
    "an empty record": (folder) => truncateSync(join(folder, RECORD), 0),
  };

  it.each(Object.entries(damages))("by %s is fetched again", async (_, damage) => {
    const ctx = pullContext();
    await openLayer(wanted(), ctx);
    damage(layerFolder(ctx.cacheDir, diffId));
    const again = wanted();
    const layer = await openLayer(again, ctx);
    expect(again.opened).toBe(1);
    expect(ctx.warnings[0]?.message).toContain("damaged in the cache");
    expect(await entriesOf(layer)).toHaveLength(2);
    expect(await verifyCache(ctx.cacheDir, ctx.signal)).toEqual({ checked: 1, damaged: [] });
  });

  it("is not taken for damaged when only its time has changed, or the machine was started anew", async () => {
    const ctx = pullContext();
    await openLayer(wanted(), ctx);
    const folder = layerFolder(ctx.cacheDir, diffId);
    utimesSync(join(folder, TAR), 1, 1);
    const { sum: _, ...record } = JSON.parse(readFileSync(join(folder, RECORD), "utf8"));
    await writeRecord(folder, { ...record, boot: "another" });
    const again = wanted();
    expect((await openLayer(again, ctx)).fromCache).toBe(true);
    expect(again.opened).toBe(0);
    const settled = JSON.parse(readFileSync(join(folder, RECORD), "utf8"));
    expect(settled.boot).toBeUndefined();
    expect(settled.tarMtimeMs).toBe(1000);
  });

  it("is found by verify, even where size and time are right", async () => {
    const ctx = pullContext();
    await openLayer(wanted(), ctx);
    const path = join(layerFolder(ctx.cacheDir, diffId), TAR);
    const { atimeMs, mtimeMs } = statSync(path);
    writeFileSync(path, flip(archive, 1000));
    utimesSync(path, atimeMs / 1000, mtimeMs / 1000);
    const { damaged } = await verifyCache(ctx.cacheDir, ctx.signal);
    expect(damaged).toMatchObject([{ item: { digest: diffId }, why: expect.stringContaining("it has the digest") }]);
  });
});

describe("several processes", () => {
  function prepare(): { ctx: TestContext; file: string; run: (pauseMs: number) => ChildRun } {
    const ctx = pullContext();
    const file = join(tempDir(), "layer.tar.gz");
    writeFileSync(file, packed);
    return { ctx, file, run: (pauseMs) => runChild([ctx.cacheDir, file, diffId, String(pauseMs)]) };
  }

  it("fetch the same layer once", async () => {
    const { ctx, run } = prepare();
    const runs = [run(50), run(50), run(50)];
    const outputs = await Promise.all(runs.map(({ output }) => output));
    expect(outputs.join("").match(/fetch/g)).toHaveLength(1);
    expect(outputs.join("").match(/done (true|false) 2/g)).toHaveLength(3);
    expect(leftovers(ctx.cacheDir)).toEqual([]);
    expect(readdirSync(join(ctx.cacheDir, "leases"))).toEqual([]);
  });

  it("take over from one that was killed in the middle, and clean up after it", async () => {
    const { ctx, run } = prepare();
    const killed = run(500);
    await killed.saw("fetch");
    await waitFor(() => leftovers(ctx.cacheDir).length > 0);
    const waiting = run(0);
    killed.child.kill("SIGKILL");
    await killed.output;
    expect(leftovers(ctx.cacheDir)).not.toEqual([]);
    expect(await waiting.output).toBe("fetch\ndone false 2\n");
    expect(leftovers(ctx.cacheDir)).toEqual([]);
    expect((await openLayer(wanted(), ctx)).fromCache).toBe(true);
  });
});

describe("the cache", () => {
  const other = tar({ name: "c", data: noise(50_000) });

  async function filled(): Promise<{ ctx: TestContext; second: Digest }> {
    const ctx = pullContext();
    await openLayer(wanted(), ctx);
    const second = sha256(other);
    await openLayer({ label: "layer z", diffId: second, open: () => chunksOf(other) }, ctx);
    await ctx.disposer.dispose();
    const record = join(layerFolder(ctx.cacheDir, diffId), RECORD);
    utimesSync(record, Date.now() / 1000 - 7200, Date.now() / 1000 - 7200);
    return { ctx, second };
  }

  it("is listed by last use", async () => {
    const { ctx, second } = await filled();
    const items = await listCache(ctx.cacheDir);
    expect(items.map(({ digest }) => digest)).toEqual([second, diffId]);
    expect(items[1]?.sizeBytes).toBeGreaterThan(archive.length);
  });

  it("is pruned by age and by size", async () => {
    const { ctx, second } = await filled();
    const { cacheDir } = ctx;
    expect((await pruneCache(cacheDir, { olderThanMs: 86_400_000 })).removed).toEqual([]);
    expect((await pruneCache(cacheDir, { maxSizeBytes: 10 ** 9 })).removed).toEqual([]);
    const { removed, freedBytes } = await pruneCache(cacheDir, { olderThanMs: 3_600_000 });
    expect(removed.map(({ digest }) => digest)).toEqual([diffId]);
    expect(freedBytes).toBeGreaterThan(archive.length);
    expect((await pruneCache(cacheDir, { maxSizeBytes: 0 })).removed.map(({ digest }) => digest)).toEqual([second]);
    expect(leftovers(cacheDir)).toEqual([]);
  });

  it("is emptied without options, but for what a running build reads", async () => {
    const { ctx, second } = await filled();
    const build = pullContext({}, ctx.cacheDir);
    await openLayer(wanted(), build);
    const during = await pruneCache(ctx.cacheDir);
    expect(during.removed.map(({ digest }) => digest)).toEqual([second]);
    expect(during.inUse.map(({ digest }) => digest)).toEqual([diffId]);
    await build.disposer.dispose();
    expect((await pruneCache(ctx.cacheDir)).inUse).toEqual([]);
    expect(await listCache(ctx.cacheDir)).toEqual([]);
  });

  it("may not exist yet", async () => {
    const cacheDir = join(tempDir(), "absent");
    expect(await listCache(cacheDir)).toEqual([]);
    expect(await pruneCache(cacheDir)).toEqual({ removed: [], inUse: [], freedBytes: 0 });
    expect(existsSync(cacheDir)).toBe(false);
  });
});

const storeChild = await bundled(fileURLToPath(new URL("../../helpers/store-child.ts", import.meta.url)));

type ChildRun = { child: ChildProcess; output: Promise<string>; saw(text: string): Promise<void> };

function runChild(args: string[]): ChildRun {
  const child = spawn(process.execPath, [storeChild, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  const output = new Promise<string>((resolve) => child.on("close", () => resolve(text)));
  return { child, output, saw: (part) => waitFor(() => text.includes(part)) };
}

async function waitFor(condition: () => boolean): Promise<void> {
  for (let left = 1000; !condition(); left--) {
    if (left === 0) throw new Error("it did not come");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function flip(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  expect(createHash("sha256").update(copy).digest("hex")).not.toBe(createHash("sha256").update(bytes).digest("hex"));
  return copy;
}
