import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sha256 } from "../../../../src/lib/digest.ts";
import { FledgeError } from "../../../../src/lib/errors.ts";
import { type DownloadOptions, download } from "../../../../src/lib/network/download.ts";
import { closeHttp } from "../../../../src/lib/network/http.ts";
import { noise, startServer, type TestServer } from "../../../helpers/http-server.ts";

const env = {};
const data = noise(300_000);
let server: TestServer;
let dir: string;
let to: string;

beforeEach(async () => {
  server = await startServer();
  dir = mkdtempSync(join(tmpdir(), "fledge-download-"));
  to = join(dir, "file");
});
afterEach(async () => {
  await closeHttp(env);
  await server.close();
  rmSync(dir, { recursive: true });
});

function get(url: string, options: Partial<DownloadOptions> = {}) {
  return download({ url, to, env, signal: new AbortController().signal, retryDelayMs: 1, ...options });
}
async function failure(run: Promise<unknown>): Promise<FledgeError> {
  const error = await run.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(FledgeError);
  expect(existsSync(to)).toBe(false);
  return error as FledgeError;
}
function ranges(): (string | undefined)[] {
  return server.received.map(({ headers }) => headers.range);
}

describe("download", () => {
  it("writes the file, hashes it and reports progress", async () => {
    writeFileSync(to, noise(400_000, "what was there before"));
    const seen: [number, number | undefined][] = [];
    const expected = { digest: sha256(data), sizeBytes: data.length };
    const url = server.on("/f", { body: data });
    const result = await get(url, { expected, onProgress: (...step) => seen.push(step) });
    expect(result).toEqual({ ...expected, url });
    expect(readFileSync(to).equals(data)).toBe(true);
    expect(seen[0]).toEqual([0, data.length]);
    expect(seen.at(-1)).toEqual([data.length, data.length]);
  });

  it("takes a body without a length, and an empty one", async () => {
    await get(server.on("/f", { body: data, contentLength: null }));
    expect(readFileSync(to).equals(data)).toBe(true);
    expect((await get(server.on("/e", { body: "" }))).sizeBytes).toBe(0);
  });

  it.each([
    ["an ETag", { etag: '"one"' }, '"one"'],
    ["a date", { lastModified: new Date(1e12).toUTCString() }, new Date(1e12).toUTCString()],
    [
      "a date beside a weak ETag",
      { etag: 'W/"one"', lastModified: new Date(1e12).toUTCString() },
      new Date(1e12).toUTCString(),
    ],
  ])("resumes after a drop with %s", async (_, validator, sent) => {
    // Long enough for a busy machine to read what has come.
    const whole = { body: data, dropDelayMs: 1000, ...validator };
    const url = server.on("/f", { ...whole, dropAfter: 100_000 }, { ...whole, dropAfter: 50_000 }, whole);
    await get(url, { expected: { digest: sha256(data) } });
    expect(readFileSync(to).equals(data)).toBe(true);
    expect(server.received).toHaveLength(3);
    expect(ranges()[1]).toMatch(/^bytes=\d+-$/);
    expect(server.received[1]?.headers["if-range"]).toBe(sent);
  });

  it("starts over when nothing vouches for the file, when Range is ignored, and when the file changed", async () => {
    const cut = { body: data, dropAfter: 100_000 };
    await get(server.on("/none", cut, { body: data }));
    expect(ranges()).toEqual([undefined, undefined]);
    await get(server.on("/ignored", { ...cut, etag: '"a"' }, { body: data, etag: '"a"', ignoreRange: true }));
    expect(readFileSync(to).equals(data)).toBe(true);
    const other = noise(200_000, "other");
    await get(server.on("/changed", { ...cut, etag: '"a"' }, { body: other, etag: '"b"' }));
    expect(readFileSync(to).equals(other)).toBe(true);
  });

  it("does not trust a 206 of another file, of another place, or a 416", async () => {
    const cut = { body: data, dropAfter: 100_000, etag: '"a"' };
    const liar = { status: 206, body: noise(10), ignoreRange: true };
    for (const bad of [
      { ...liar, etag: '"b"', headers: { "content-range": "bytes 100000-100009/100010" } },
      { ...liar, etag: '"a"', headers: { "content-range": "bytes 5-14/15" } },
      { status: 416, body: "x", ignoreRange: true },
    ]) {
      await get(server.on("/f", cut, bad, { body: data, etag: '"a"' }));
      expect(readFileSync(to).equals(data)).toBe(true);
    }
  });

  it("keeps trying while it gets further, and gives up when it does not", async () => {
    const large = noise(10 << 20);
    const part = { body: large, etag: '"a"', dropAfter: 1_500_000 };
    await get(server.on("/far", part), { expected: { digest: sha256(large) } });
    expect(server.received.length).toBeGreaterThan(5);
    server.received.length = 0;
    const error = await failure(
      get(server.on("/stuck", { body: data, dropAfter: 1000 }), { expected: { sizeBytes: data.length } }),
    );
    expect(error.code).toBe("download");
    expect(error.message).toMatch(
      /^GET .*\/stuck: the connection was dropped .*, after \d+ of 300000 bytes and 5 tries$/,
    );
    // A reset that overtakes the headers is repeated by the request itself.
    expect(server.received.length).toBeGreaterThanOrEqual(5);
  });

  it("retries a file that is shorter than its length says", async () => {
    const error = await failure(get(server.on("/short", { body: data, contentLength: data.length + 10 })));
    expect(error.message).toMatch(/\/short: .*and 5 tries$/);
    expect(error.hint).toContain("try again");
  });

  it("refuses another size than expected: announced, short and long", async () => {
    const expected = { sizeBytes: 300_001 };
    const says = (size: number) => `GET ${server.origin}/f: ${size} bytes where 300001 were expected`;
    const announced = await failure(get(server.on("/f", { body: data }), { expected }));
    expect([announced.message, announced.hint]).toEqual([says(300_000), expect.stringContaining("another one")]);
    const short = await failure(get(server.on("/f", { body: data, contentLength: null }), { expected }));
    expect(short.message).toBe(says(300_000));
    const long = { body: noise(900_000), contentLength: null };
    expect((await failure(get(server.on("/f", long), { expected }))).message).toMatch(
      /bytes where 300001 were expected$/,
    );
    expect(server.received).toHaveLength(3);
  });

  it("refuses another digest, naming both and no secret", async () => {
    const wanted = sha256("something else");
    const url = `${server.on("/f", { body: data })}?token=s3cret`;
    const error = await failure(get(url, { expected: { digest: wanted } }));
    expect(error.code).toBe("checksum");
    expect(error.message).toBe(`${server.origin}/f has ${sha256(data)}; expected ${wanted}`);
    expect(error.hint).toContain("check the URL");
  });

  it("passes an HTTP error on, and the aborted error", async () => {
    expect((await failure(get(server.on("/f", { status: 404 })))).message).toBe(
      `GET ${server.origin}/f: 404 Not Found`,
    );
    const control = new AbortController();
    setTimeout(() => control.abort(), 50);
    const error = await failure(get(server.on("/s", { body: data, stall: true }), { signal: control.signal }));
    expect(error.code).toBe("aborted");
  });
});
