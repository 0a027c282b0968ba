import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { sha256 } from "../../../src/lib/digest.ts";
import { type Downloaded, type DownloadOptions, digestFile, download } from "../../../src/lib/download.ts";
import { closedPort, file, httpServer, type Reply, raw, slow, status } from "../../helpers/http-server.ts";
import { describeWith, requireRoot } from "../../helpers/requirements.ts";
import { tempDir } from "../../helpers/temp.ts";

const BYTES = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7 + (index >> 8)) & 0xff));
const OTHER = Buffer.alloc(90_000, "other");
const HALF = BYTES.length / 2;

type Setup = Partial<DownloadOptions> & { readonly query?: string };

/** Downloads "/f", which is answered so. */
async function get(replies: Reply | readonly Reply[], { query = "", ...options }: Setup = {}) {
  const to = join(tempDir(), "file");
  const server = await httpServer({ "/f": replies });
  const url = server.url("/f") + query;
  const result: Promise<Downloaded> = download({
    url,
    to,
    signal: new AbortController().signal,
    env: {},
    retryDelayMs: 1,
    ...options,
  });
  result.catch(() => {});
  return { to, url: server.url("/f"), server, result };
}

async function expectBytes({ to, result }: Awaited<ReturnType<typeof get>>, bytes: Buffer): Promise<void> {
  expect(await result).toEqual({ digest: sha256(bytes), sizeBytes: bytes.length });
  expect(readFileSync(to).equals(bytes)).toBe(true);
}

async function expectFailure({ to, result }: Awaited<ReturnType<typeof get>>, error: object): Promise<void> {
  await expect(result).rejects.toMatchObject(error);
  expect(existsSync(to)).toBe(false);
}

describe("a download", () => {
  it.each([
    ["with a length", { chunked: false }],
    ["without one", { chunked: true }],
  ])("%s is written and hashed", async (_name, options) => {
    const progress: unknown[] = [];
    const got = await get(file(BYTES, options), { onProgress: (...now) => progress.push(now) });
    await expectBytes(got, BYTES);
    expect(progress.at(-1)).toEqual([BYTES.length, options.chunked ? undefined : BYTES.length]);
  });

  it("may be empty", async () => {
    await expectBytes(await get(file("")), Buffer.alloc(0));
  });

  it("without length or chunks ends where the connection does", async () => {
    await expectBytes(await get(raw("HTTP/1.1 200 OK", BYTES)), BYTES);
  });

  it.each([
    ["with its length", "Content-Length: 4000000\n"],
    ["without it", ""],
  ])("that comes faster than it is written, %s, may end with the connection", async (_name, header) => {
    const bytes = Buffer.alloc(4_000_000, BYTES);
    const got = await get(raw(`HTTP/1.1 200 OK\n${header}Connection: close`, bytes));
    await expectBytes(got, bytes);
  });

  it("does not touch a file that is there", async () => {
    const to = join(tempDir(), "mine");
    writeFileSync(to, "mine");
    const { result } = await get(file(BYTES), { to });
    await expect(result).rejects.toMatchObject({
      code: "io",
      message: expect.stringContaining(`cannot write ${to}: `),
    });
    expect(readFileSync(to, "utf8")).toBe("mine");
  });

  it("has a digest that digestFile agrees with", async () => {
    const got = await get(file(BYTES));
    expect((await got.result).digest).toBe(await digestFile(got.to));
  });
});

describe("a connection that breaks", () => {
  it.each([
    ["a strong ETag", { etag: '"v1"' }, '"v1"'],
    ["a date", { etag: "", lastModified: "Mon, 01 Jan 2024 00:00:00 GMT" }, "Mon, 01 Jan 2024 00:00:00 GMT"],
    [
      "a weak ETag and a date",
      { etag: 'W/"v1"', lastModified: "Mon, 01 Jan 2024 00:00:00 GMT" },
      "Mon, 01 Jan 2024 00:00:00 GMT",
    ],
    ["a strong ETag but no length", { etag: '"v1"', chunked: true }, '"v1"'],
  ])("is resumed by %s", async (_name, options, validator) => {
    const progress: number[] = [];
    const got = await get([file(BYTES, { ...options, dropAfter: HALF }), file(BYTES, options)], {
      onProgress: (done) => progress.push(done),
    });
    await expectBytes(got, BYTES);
    expect(got.server.requests.map(({ headers }) => [headers.range, headers["if-range"]])).toEqual([
      [undefined, undefined],
      [`bytes=${HALF}-`, validator],
    ]);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
  });

  it("is resumed as often as it gets further", async () => {
    const got = await get(file(BYTES, { dropAfter: 9_000 }));
    await expectBytes(got, BYTES);
    expect(got.server.requests.length).toBeGreaterThan(10);
  });

  it.each([
    ["has no strong validator", { etag: 'W/"v1"' }],
    ["does not know ranges", { ranges: false }],
  ])("is begun anew where the server %s", async (_name, options) => {
    const got = await get([file(BYTES, { ...options, dropAfter: HALF }), file(BYTES, options)]);
    await expectBytes(got, BYTES);
  });

  it("is begun anew when the file has changed, which may now be shorter", async () => {
    await expectBytes(await get([file(BYTES, { dropAfter: 95_000 }), file(OTHER)]), OTHER);
  });

  it.each([
    ["another offset", { "content-range": `bytes 10-${BYTES.length - 1}/${BYTES.length}` }],
    ["another size", { "content-range": `bytes ${HALF}-89999/90000` }],
    ["another ETag", { "content-range": `bytes ${HALF}-${BYTES.length - 1}/${BYTES.length}`, etag: '"v2"' }],
    ["no Content-Range", {}],
  ])("is begun anew when the server resumes with %s", async (_name, headers) => {
    const wrong: Reply = (_request, response) => void response.writeHead(206, headers).end(BYTES.subarray(10));
    const etag = '"v1"';
    const got = await get([file(BYTES, { etag, dropAfter: HALF }), wrong, file(BYTES, { etag })]);
    await expectBytes(got, BYTES);
    expect(got.server.requests[2]?.headers.range).toBeUndefined();
  });

  it("is begun anew when the server says that there is no such range", async () => {
    await expectBytes(await get([file(BYTES, { dropAfter: HALF }), status(416), file(BYTES)]), BYTES);
  });

  it("again and again at the same place is given up", async () => {
    const got = await get([file(BYTES, { dropAfter: HALF }), file(BYTES, { ranges: false, dropAfter: HALF })], {
      query: "?sig=s3cret",
    });
    await expectFailure(got, {
      code: "download",
      message: `${got.url} broke off after ${HALF} of ${BYTES.length} bytes, 5 times: the connection was closed`,
      hint: "try again; what keeps breaking off may be a proxy's limit",
    });
  });

  it("at changing places is given up too when the server cannot resume", async () => {
    let count = 0;
    const reply: Reply = (request, response) =>
      file(BYTES, { ranges: false, dropAfter: 1000 + (count++ % 2) })(request, response);
    const got = await get(reply);
    await expectFailure(got, { message: expect.stringContaining("broke off after 100") });
    expect(count).toBeLessThan(10);
  });

  it("is given up when the server answers nothing but wrong ranges", async () => {
    const got = await get((_request, response) => void response.writeHead(206).end(BYTES));
    await expectFailure(got, { message: `${got.url} broke off after 0 bytes, 5 times: the server cannot resume it` });
  });

  it("in the middle of a chunked body is noticed", async () => {
    const cut = raw("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", `5\r\nhello\r\nff\r\nwor`);
    const got = await get([cut, file(BYTES)]);
    await expectBytes(got, BYTES);
  });

  it("ahead of its Content-Length is noticed", async () => {
    const short = raw(`HTTP/1.1 200 OK\nContent-Length: ${BYTES.length + 1}`, BYTES);
    await expectFailure(await get(short), { message: expect.stringMatching(/broke off after \d+ of 100001 bytes/) });
  });
});

describe("what is expected", () => {
  it("is compared", async () => {
    const expected = { digest: sha256(BYTES), sizeBytes: BYTES.length };
    await expectBytes(await get(file(BYTES), { expected }), BYTES);
  });

  it("of the checksum", async () => {
    const got = await get(file(OTHER), { expected: { digest: sha256(BYTES) }, query: "?sig=s3cret" });
    await expectFailure(got, {
      code: "checksum",
      message: `${got.url} is not what the checksum says: expected ${sha256(BYTES)}, got ${sha256(OTHER)}`,
      hint: "if the file was replaced on purpose, pin the new checksum; if not, do not use it",
    });
  });

  it("of the size", async () => {
    const got = await get(file(OTHER), { expected: { sizeBytes: 7 } });
    await expectFailure(got, { code: "checksum", message: `${got.url} has 90000 bytes, expected 7` });
  });

  it("tells a body that is longer than its Content-Length says", async () => {
    const long = raw(`HTTP/1.1 200 OK\nContent-Length: 10\nConnection: close`, BYTES);
    const got = await get(long, { expected: { digest: sha256(BYTES) } });
    await expectFailure(got, { code: "checksum" });
  });
});

describe("a failure", () => {
  it("of the server leaves nothing", async () => {
    const got = await get(status(404));
    await expectFailure(got, { code: "download", message: `${got.url} answered 404` });
    expect(readdirSync(join(got.to, ".."))).toEqual([]);
  });

  it("of the network leaves nothing", async () => {
    const url = `http://127.0.0.1:${await closedPort()}/f`;
    await expectFailure(await get(status(404), { url }), { message: `cannot reach ${url}: connection refused` });
  });

  it("of the folder is an io error", async () => {
    const to = join(tempDir(), "none", "file");
    const { result } = await get(file(BYTES), { to });
    await expect(result).rejects.toMatchObject({ code: "io", message: `cannot write ${to}: no such file or folder` });
  });

  it("by an abort in the body leaves nothing, and ends at once", async () => {
    const abort = new AbortController();
    const got = await get(slow(BYTES, 1000, 20), {
      signal: abort.signal,
      onProgress: (done) => done > 3000 && abort.abort(),
    });
    await expectFailure(got, { code: "aborted", message: "the build was interrupted" });
    expect(got.server.requests).toHaveLength(1);
  });

  it("by an abort between two attempts leaves nothing", async () => {
    const got = await get(file(BYTES, { ranges: false, dropAfter: 10 }), {
      retryDelayMs: 20_000,
      signal: AbortSignal.timeout(200),
    });
    await expectFailure(got, { code: "aborted" });
  });
});

describeWith("a disk that fills up", [requireRoot()], () => {
  it.each([63_000, 64_000, 90_000])("is noticed with a piece of %i bytes", async (pieceBytes) => {
    const folder = join(tempDir(), "small");
    mkdirSync(folder);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "none", folder]);
    onTestFinished(() => void execFileSync("umount", [folder]));
    const to = join(folder, "file");
    const got = await get(slow(BYTES.subarray(0, 90_000), pieceBytes, 5), { to });
    await expectFailure({ ...got, to }, { code: "io", message: `cannot write ${to}: the disk is full` });
  });
});
