import { type ChildProcess, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sha256 } from "../../../src/lib/digest.ts";
import { ownerName } from "../../../src/lib/process/owner.ts";
import { addBlob, blobPath, ensureBlob, type StoreContext } from "../../../src/store/blobs.ts";
import { ensureCacheFolder, resolveCacheDir } from "../../../src/store/cache-dir.ts";
import { withLock } from "../../../src/store/lock.ts";
import { pruneCache } from "../../../src/store/manage.ts";
import { testContext } from "../../helpers/context.ts";
import { startServer } from "../../helpers/http-server.ts";

const bytes = Buffer.from("the blob");
const digest = sha256(bytes);
const log: string[] = [];
let ctx: StoreContext;

beforeEach(() => {
  log.length = 0;
  const cacheDir = mkdtempSync(join(tmpdir(), "fledge-store-"));
  ctx = testContext({ cacheDir, log: (line) => void log.push(line) });
});
afterEach(() => rmSync(ctx.cacheDir, { recursive: true }));

function fetcher(content: Uint8Array = bytes) {
  const calls: string[] = [];
  const fetch = async (path: string) => {
    calls.push(path);
    await sleep(20);
    await writeFile(path, content);
    return sha256(content);
  };
  return { calls, fetch };
}
const ingested = () => readdirSync(join(ctx.cacheDir, "ingest"));
const deadPid = async () => {
  const child = spawn("true");
  await new Promise((resolve) => child.on("exit", resolve));
  return child.pid;
};

describe("blobs", () => {
  it("are fetched once and lie where an OCI layout has them", async () => {
    const { calls, fetch } = fetcher();
    const blob = await ensureBlob(ctx, digest, fetch);
    expect(blob).toEqual({ digest, path: join(ctx.cacheDir, "blobs/sha256", digest.slice(7)) });
    expect(readFileSync(blob.path)).toEqual(bytes);
    expect(await ensureBlob(ctx, digest, fetch)).toEqual(blob);
    expect(calls).toHaveLength(1);
    expect(ingested()).toEqual([]);
  });

  it("are fetched once by many builds at a time", async () => {
    const { calls, fetch } = fetcher();
    await Promise.all(Array.from({ length: 8 }, () => ensureBlob(ctx, digest, fetch)));
    expect(calls).toHaveLength(1);
  });

  it("are fetched again when they were damaged on disk", async () => {
    const { calls, fetch } = fetcher();
    const { path } = await ensureBlob(ctx, digest, fetch);
    writeFileSync(path, "the blot");
    await ensureBlob(ctx, digest, fetch);
    expect(readFileSync(path)).toEqual(bytes);
    expect([calls.length, log]).toEqual([2, [`${path} is damaged; fetching it again`]]);
  });

  it("that are something else are refused", async () => {
    await expect(ensureBlob(ctx, digest, fetcher(Buffer.from("no")).fetch)).rejects.toMatchObject({
      code: "checksum",
      message: `a blob has ${sha256("no")}; expected ${digest}`,
    });
    expect([existsSync(blobPath(ctx.cacheDir, digest)), ingested()]).toEqual([false, []]);
  });

  it("whose digest is not known are stored by it", async () => {
    expect(await addBlob(ctx, fetcher().fetch)).toEqual({ digest, path: blobPath(ctx.cacheDir, digest) });
  });

  it("leave nothing when fetching fails", async () => {
    const fetch = async (path: string): Promise<never> => {
      writeFileSync(path, "half");
      throw new Error("broken");
    };
    await expect(ensureBlob(ctx, digest, fetch)).rejects.toThrow("broken");
    expect(ingested()).toEqual([]);
    const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    await expect(ensureBlob(ctx, digest, () => Promise.reject(full))).rejects.toMatchObject({
      code: "store",
      message: `cannot write to the cache ${ctx.cacheDir}: the disk is full`,
      hint: expect.stringContaining("space"),
    });
  });

  it("clean up after killed processes, but not after running or unknown ones", async () => {
    const folder = join(ctx.cacheDir, "ingest");
    mkdirSync(folder);
    const [boot, namespace] = ownerName().split("-");
    const names = [`${boot}-${namespace}-${await deadPid()}-x-00`, ownerName(), `${boot}-1-1-x-00`, `${boot}-2-1-x-00`];
    for (const name of names) writeFileSync(join(folder, name), "");
    utimesSync(join(folder, names[3] ?? ""), 0, 0);
    await addBlob(ctx, fetcher().fetch);
    expect(ingested().sort()).toEqual([names[1], names[2]].sort());
  });

  it("are left by prune until the build that asked for them has ended", async () => {
    for (const fetch of [() => ensureBlob(ctx, digest, fetcher().fetch), () => addBlob(ctx, fetcher().fetch)]) {
      const { path } = await fetch();
      expect(await pruneCache(ctx.cacheDir)).toMatchObject({ removed: [], inUse: [{ digest }] });
      expect(readFileSync(path)).toEqual(bytes);
      await ctx.disposer.dispose();
      expect(await pruneCache(ctx.cacheDir)).toMatchObject({ removed: [{ digest }], inUse: [] });
    }
  });
});

describe("several processes", () => {
  const program = (url: string) => `
    import { download } from "./src/lib/network/download.ts";
    import { ensureBlob } from "./src/store/blobs.ts";
    import { testContext } from "./test/helpers/context.ts";
    const signal = new AbortController().signal;
    const ctx = testContext({ cacheDir: ${JSON.stringify(ctx.cacheDir)}, signal });
    const blob = await ensureBlob(ctx, "${digest}", async (to) => {
      const { digest } = await download({ url: "${url}", to, signal, env: {}, onProgress: (n) => n > 0 && console.log("begun") });
      return digest;
    });
    console.log(blob.path);`;
  const start = (url: string) =>
    spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program(url)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
  const output = async (child: ChildProcess) => {
    let text = "";
    for await (const chunk of child.stdout ?? []) text += String(chunk);
    return text.trim().split("\n").at(-1);
  };

  it("download a blob once, and one that was killed in the middle leaves nothing in the way", async () => {
    const server = await startServer();
    const url = server.on("/blob", { body: bytes, stall: true }, { body: bytes, delayMs: 300 });
    const killed = start(url);
    await new Promise((resolve) => killed.stdout.once("data", resolve));
    expect(ingested()).toHaveLength(1);
    const others = [start(url), start(url)];
    await sleep(500); // both wait for the first, or will
    killed.kill("SIGKILL");
    expect(await Promise.all(others.map(output))).toEqual(Array(2).fill(blobPath(ctx.cacheDir, digest)));
    expect([server.received.length, ingested()]).toEqual([2, []]);
    await server.close();
  });
});

describe("the lock", () => {
  it("lets one in at a time, and only those of another name beside it", async () => {
    let inside = 0;
    let most = 0;
    const enter = (name: string) =>
      withLock(ctx, name, async () => {
        most = Math.max(most, ++inside);
        await sleep(20);
        inside--;
      });
    await Promise.all([enter("a"), enter("a"), enter("a")]);
    expect(most).toBe(1);
    await Promise.all([enter("a"), enter("b")]);
    expect(most).toBe(2);
  });

  it("is free as soon as its holder is killed", async () => {
    const holder = await startHolder();
    const order: string[] = [];
    const waiting = withLock(ctx, "x", async () => order.push("in"));
    await sleep(100);
    order.push("killed");
    holder.kill("SIGKILL");
    await waiting;
    expect(order).toEqual(["killed", "in"]);
  });

  it("does not wait for ever, says that it waits, and stops waiting on abort, also on one that came before", async () => {
    const holder = await startHolder();
    expect(await withLock(ctx, "x", async () => "went on", 50)).toBe("went on");
    expect(log).toEqual(["waiting for another build, which has x under way"]);
    const control = new AbortController();
    const waiting = withLock({ ...ctx, signal: control.signal }, "x", async () => {});
    setTimeout(() => control.abort(), 50);
    await expect(waiting).rejects.toMatchObject({ code: "aborted" });
    for (const delayMs of [0, 1, 2, 3]) {
      const early = new AbortController();
      const started = withLock({ ...ctx, signal: early.signal }, "x", async () => {});
      await (delayMs === 0 ? undefined : sleep(delayMs));
      early.abort();
      await expect(started).rejects.toMatchObject({ code: "aborted" });
    }
    holder.kill("SIGKILL");
  });

  it("is a file of the cache, so that nobody holds it who may not write there, and goes with its holder", async () => {
    const deep = join(ctx.cacheDir, "a".repeat(100), "b".repeat(100));
    for (const cacheDir of [ctx.cacheDir, deep]) {
      const locks = join(cacheDir, "locks");
      await withLock({ ...ctx, cacheDir }, "x", async () => expect(readdirSync(locks)).toHaveLength(1));
      expect(readdirSync(locks)).toEqual([]);
    }
  });

  it("of a killed holder is removed by prune, that of a living one is not", async () => {
    const holder = await startHolder();
    const locks = join(ctx.cacheDir, "locks");
    await pruneCache(ctx.cacheDir);
    expect(readdirSync(locks)).toHaveLength(1);
    holder.kill("SIGKILL");
    await new Promise((resolve) => holder.on("exit", resolve));
    await pruneCache(ctx.cacheDir);
    expect(readdirSync(locks)).toEqual([]);
  });

  async function startHolder(): Promise<ChildProcess> {
    const script = `
      import { withLock } from "./src/store/lock.ts";
      import { testContext } from "./test/helpers/context.ts";
      await withLock(testContext({ cacheDir: ${JSON.stringify(ctx.cacheDir)} }), "x", () => {
        console.log("in");
        return new Promise(() => setInterval(() => {}, 1000));
      });`;
    const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise((resolve) => child.stdout?.once("data", resolve));
    return child;
  }
});

describe("the cache folder", () => {
  it.each([
    [{ option: "/c", FLEDGE_CACHE_DIR: "/e" }, "/c"],
    [{ FLEDGE_CACHE_DIR: "/e", XDG_CACHE_HOME: "/x" }, "/e"],
    [{ XDG_CACHE_HOME: "/x", HOME: "/h" }, "/x/fledge"],
    [{ XDG_CACHE_HOME: "relative", HOME: "/h" }, "/h/.cache/fledge"],
    [{ option: "", HOME: "/h" }, "/h/.cache/fledge"],
  ] as const)("of %o is %s", (given, path) => {
    const { option, ...env } = { option: undefined, ...given };
    expect(resolveCacheDir(env, option)).toBe(path);
  });

  it("that cannot be written to is named, with what to do", async () => {
    const file = join(ctx.cacheDir, "file");
    writeFileSync(file, "");
    const run = ensureBlob({ ...ctx, cacheDir: join(file, "cache") }, digest, fetcher().fetch);
    await expect(run).rejects.toMatchObject({
      code: "store",
      message: `cannot write to the cache ${file}/cache: a part of the path is not a folder`,
      hint: expect.stringContaining("--cache-dir DIR or FLEDGE_CACHE_DIR=DIR"),
    });
    expect(await ensureCacheFolder(ctx.cacheDir, "a", "b")).toBe(join(ctx.cacheDir, "a/b"));
  });
});
