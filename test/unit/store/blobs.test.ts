import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { hexOf, sha256 } from "../../../src/lib/digest.ts";
import { FledgeError } from "../../../src/lib/errors.ts";
import { cachedBlob, type Fetch, storeBlob } from "../../../src/store/blobs.ts";
import { testContext } from "../../helpers/context.ts";
import { file, httpServer, slow } from "../../helpers/http-server.ts";
import { describeWith, requireRoot, requireTools } from "../../helpers/requirements.ts";
import { tempDir } from "../../helpers/temp.ts";

const DIGEST = sha256("content");

const make =
  (text = "content"): Fetch =>
  async (path) => {
    writeFileSync(path, text);
    return { digest: sha256(text) };
  };

/** Every file below a folder. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);
}

describe("a blob", () => {
  it("is stored under its digest, with nothing beside it", async () => {
    const ctx = testContext({ cacheDir: join(tempDir(), "new", "cache") });
    const { path, digest } = await storeBlob(ctx, "x", make());
    expect([path, digest]).toEqual([join(ctx.cacheDir, "blobs", "sha256", hexOf(DIGEST)), DIGEST]);
    expect(readFileSync(path, "utf8")).toBe("content");
    expect(filesIn(ctx.cacheDir)).toEqual([hexOf(DIGEST)]);
    expect(await cachedBlob(ctx, DIGEST)).toBe(path);
  });

  it("that is not there is undefined", async () => {
    expect(await cachedBlob(testContext({ cacheDir: tempDir() }), DIGEST)).toBeUndefined();
    expect(await cachedBlob(testContext({ cacheDir: "/nonexistent/cache" }), DIGEST)).toBeUndefined();
  });

  it("that was damaged is not used, and replaced by the next", async () => {
    const ctx = testContext({ cacheDir: tempDir() });
    const { path } = await storeBlob(ctx, "x", make());
    writeFileSync(path, "contemt");
    expect(await cachedBlob(ctx, DIGEST)).toBeUndefined();
    expect(ctx.logs).toEqual([`the cached ${DIGEST} was damaged; fetching it again`]);
    await storeBlob(ctx, "x", make());
    expect(await cachedBlob(ctx, DIGEST)).toBe(path);
  });

  it("may be stored by many at once", async () => {
    const ctx = testContext({ cacheDir: tempDir() });
    const stored = await Promise.all(Array.from({ length: 8 }, () => storeBlob(ctx, "x", make())));
    expect(new Set(stored.map(({ path }) => path)).size).toBe(1);
    expect(filesIn(ctx.cacheDir)).toEqual([hexOf(DIGEST)]);
  });

  it("that cannot be fetched leaves nothing, and its error is passed on", async () => {
    const ctx = testContext({ cacheDir: tempDir() });
    const error = new FledgeError("download", "no");
    const fetch: Fetch = async (path) => {
      writeFileSync(path, "half");
      throw error;
    };
    await expect(storeBlob(ctx, "x", fetch)).rejects.toBe(error);
    expect(filesIn(ctx.cacheDir)).toEqual([]);
  });
});

describe("a cache that cannot be written", () => {
  const hint = "choose another folder with --cache-dir or FLEDGE_CACHE_DIR";

  it("is a file", async () => {
    const cacheDir = join(tempDir(), "cache");
    writeFileSync(cacheDir, "");
    await expect(storeBlob(testContext({ cacheDir }), "x", make())).rejects.toMatchObject({
      code: "store",
      message: `cannot write to the cache ${cacheDir}: a part of its path is not a folder`,
      hint,
    });
  });

  it("has a folder where a blob should be", async () => {
    const cacheDir = tempDir();
    mkdirSync(join(cacheDir, "blobs", "sha256", hexOf(DIGEST)), { recursive: true });
    await expect(storeBlob(testContext({ cacheDir }), "x", make())).rejects.toMatchObject({
      code: "store",
      message: expect.stringContaining(`cannot write to the cache ${cacheDir}: `),
    });
    expect(filesIn(cacheDir)).toEqual([]);
  });
});

const CHILD = fileURLToPath(new URL("../../helpers/fetch-child.ts", import.meta.url));

/** Fetches in a process of its own; `onLine` may end it. */
function fetchInChild(
  args: readonly string[],
  onLine: (kill: () => void) => void = () => {},
  via: readonly string[] = [],
) {
  const [program = "", ...argv] = [...via, process.execPath, "--import", "tsx", CHILD, ...args];
  const child = spawn(program, argv, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (text: Buffer) => {
    output += text;
    onLine(() => child.kill("SIGKILL"));
  });
  return new Promise<string>((resolve) => child.on("close", () => resolve(output.trim().split("\n").at(-1) ?? "")));
}

describe("processes", () => {
  const bytes = Buffer.alloc(300_000, "blob");

  it("that fetch the same at once both succeed", async () => {
    const server = await httpServer({ "/f": file(bytes) });
    const cacheDir = tempDir();
    const args = [server.url("/f"), sha256(bytes), cacheDir];
    const path = join(cacheDir, "blobs", "sha256", hexOf(sha256(bytes)));
    expect(await Promise.all([fetchInChild(args), fetchInChild(args)])).toEqual([`at ${path}`, `at ${path}`]);
    expect(filesIn(cacheDir)).toEqual([basename(path)]);
  });

  it("that are killed in the middle of a download leave a cache that works", async () => {
    const server = await httpServer({ "/f": [slow(bytes, 10_000, 50), file(bytes)] });
    const cacheDir = tempDir();
    const args = [server.url("/f"), sha256(bytes), cacheDir];
    await fetchInChild(args, (kill) => kill());
    expect(filesIn(cacheDir)).toHaveLength(1);
    const path = join(cacheDir, "blobs", "sha256", hexOf(sha256(bytes)));
    expect(await fetchInChild(args)).toBe(`at ${path}`);
    expect(filesIn(cacheDir)).toEqual([basename(path)]);
  });
});

describeWith("another user's cache", [requireRoot(), requireTools("setpriv")], () => {
  it("is an error that says so", async () => {
    const server = await httpServer({ "/f": file("content") });
    const cacheDir = tempDir();
    chmodSync(cacheDir, 0o755);
    const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    expect(await fetchInChild([server.url("/f"), DIGEST, cacheDir], undefined, nobody)).toBe(
      `failed: cannot write to the cache ${cacheDir}: permission denied`,
    );
  });

  it("may be read, but for what is not meant to be", async () => {
    const cacheDir = tempDir();
    chmodSync(cacheDir, 0o755);
    const { path } = await storeBlob(testContext({ cacheDir }), "x", make());
    const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const args = ["http://127.0.0.1:1/f", DIGEST, cacheDir];
    expect(await fetchInChild(args, undefined, nobody)).toBe(`at ${path}`);
    chmodSync(path, 0o600);
    expect(await fetchInChild(args, undefined, nobody)).toBe(
      `failed: cannot read the cache ${cacheDir}: permission denied`,
    );
  });
});
