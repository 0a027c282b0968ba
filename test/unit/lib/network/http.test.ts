import { spawnSync } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FledgeError } from "../../../../src/lib/errors.ts";
import { closeHttp, type HttpOptions, openHttp, readBody } from "../../../../src/lib/network/http.ts";
import { noise, startProxy, startServer, type TestServer } from "../../../helpers/http-server.ts";

let server: TestServer;
const env: Record<string, string> = {};

beforeEach(async () => {
  server = await startServer();
  for (const name of Object.keys(env)) delete env[name];
});
afterEach(async () => {
  await closeHttp(env);
  await server.close();
});

function open(url: string, options: Partial<HttpOptions> = {}) {
  return openHttp(url, { signal: new AbortController().signal, env, retryDelayMs: 1, ...options });
}
async function text(url: string, options: Partial<HttpOptions> = {}): Promise<string> {
  return (await readBody(await open(url, options), 1e6)).toString();
}
async function failure(run: Promise<unknown>): Promise<FledgeError> {
  const error = await run.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(FledgeError);
  return error as FledgeError;
}

describe("a request", () => {
  it("gives status, headers and the bytes of the wire", async () => {
    const gzipLike = noise(100_000);
    const url = server.on("/a", { body: gzipLike, headers: { "Content-Encoding": "gzip", "X-Two": "b" } });
    const response = await open(url);
    expect([response.status, response.headers["x-two"], response.url]).toEqual([200, "b", url]);
    expect((await readBody(response, 1e6)).equals(gzipLike)).toBe(true);
    expect(server.received[0]?.headers).toMatchObject({ "accept-encoding": "identity", "user-agent": "fledge" });
  });

  it("sends a method, headers and a body", async () => {
    const url = server.on("/p", { status: 201, body: "made" });
    expect(await text(url, { method: "POST", headers: { "Content-Type": "text/plain" }, body: "hello" })).toBe("made");
    expect(server.received[0]).toMatchObject({
      method: "POST",
      body: "hello",
      headers: { "content-type": "text/plain" },
    });
  });

  it("turns user:password@ into Basic credentials and never shows them", async () => {
    server.on("/private", { body: "ok" }, { status: 403 });
    const url = `http://me:s3cret@127.0.0.1:${server.port}/private?token=t0ken`;
    const response = await open(url);
    expect(response.url).toBe(`${server.origin}/private?token=t0ken`);
    await response.discard();
    expect(server.received[0]?.headers.authorization).toBe(`Basic ${Buffer.from("me:s3cret").toString("base64")}`);
    const error = await failure(open(url));
    expect(error.message).toBe(`GET ${server.origin}/private: 403 Forbidden`);
    expect(error.hint).toContain("credentials");
    expect(`${error.stack} ${error.hint}`).not.toMatch(/s3cret|t0ken/);
  });

  it("refuses what is not an http URL, and an answer that is too long to be read", async () => {
    expect((await failure(open("ftp://u:p@x/y"))).message).toBe('"ftp://x/y" is not an http or https URL');
    expect((await failure(open("//u:p@x?q"))).message).toBe('"//x" is not an http or https URL');
    const response = await open(server.on("/long", { body: "x".repeat(100) }));
    expect((await failure(readBody(response, 10))).message).toContain("the answer is longer than 10 bytes");
  });

  it("lets the process end while connections are idle", () => {
    const script = `
      import { createServer } from "node:http";
      import { openHttp, readBody } from "./src/lib/network/http.ts";
      const server = createServer((q, s) => s.end("x")).listen(0, async () => {
        const url = "http://127.0.0.1:" + server.address().port;
        await readBody(await openHttp(url, { signal: new AbortController().signal, env: {} }), 10);
        server.unref(); console.log(performance.now()); process.on("exit", () => console.log(performance.now()));
      });
      server.on("connection", (socket) => socket.unref());`;
    const run = spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
      encoding: "utf8",
    });
    const [done, exit] = run.stdout.trim().split("\n").map(Number);
    expect(run.stderr).toBe("");
    // A connection is kept for four seconds.
    expect(Number(exit) - Number(done)).toBeLessThan(3000);
  });
});

describe("errors", () => {
  it.each([
    [404, "404 Not Found", "check the URL"],
    [401, "401 Unauthorized", "credentials"],
    [418, "418 I'm a Teapot", "what the server expects"],
    [503, "503 Service Unavailable", "try again later"],
    [299 + 5, "304 Not Modified", "check the URL"],
  ])("%i names the URL and what to do", async (status, says, hint) => {
    const error = await failure(open(`${server.on("/x", { status })}?secret=1`, { tries: 1 }));
    expect([error.code, error.message]).toEqual(["download", `GET ${server.origin}/x: ${says}`]);
    expect(error.hint).toContain(hint);
  });

  it("returns a status that the caller wants to see", async () => {
    const response = await open(server.on("/x", { status: 404, body: "no" }), { allowStatus: [404] });
    expect([response.status, (await readBody(response, 10)).toString()]).toEqual([404, "no"]);
  });

  it("says that nobody listens, and asks whether the server runs", async () => {
    const { port } = server;
    await server.close();
    const error = await failure(open(`http://127.0.0.1:${port}/x`));
    expect(error.message).toBe(`GET http://127.0.0.1:${port}/x: connection refused (ECONNREFUSED)`);
    expect(error.hint).toBe("is the server running?");
    server = await startServer();
  });

  it("says that a host does not exist and names the proxy variable", async () => {
    const error = await failure(open("https://nowhere.invalid/x", { tries: 1 }));
    expect(error.message).toMatch(/^GET https:\/\/nowhere\.invalid\/x: .*(ENOTFOUND|EAI_AGAIN)\)$/);
    expect(error.hint).toBe("check the host name and the network; behind a proxy, set https_proxy");
  });

  it("reports a server that does not answer, or stops in the middle", async () => {
    const slow = await failure(open(server.on("/slow", { delayMs: 3000 }), { idleTimeoutMs: 50, tries: 1 }));
    expect(slow.message).toContain("/slow: no answer in time (UND_ERR_HEADERS_TIMEOUT)");
    const stalled = await failure(text(server.on("/stall", { body: noise(1000), stall: true }), { idleTimeoutMs: 50 }));
    expect(stalled.message).toContain("/stall: the server stopped sending (UND_ERR_BODY_TIMEOUT)");
  });

  it("reports a body that breaks off", async () => {
    const error = await failure(text(server.on("/cut", { body: noise(5000), dropAfter: 100 })));
    expect(error.message).toMatch(/\/cut: the connection was dropped \((ECONNRESET|UND_ERR_SOCKET)\)$/);
  });
});

describe("abort", () => {
  it.each([
    ["before", { body: "x" }, 0],
    ["while waiting for the answer", { delayMs: 3000 }, 30],
    ["while the body comes", { body: noise(1000), stall: true }, 30],
    ["while waiting for the next try", { status: 503, headers: { "retry-after": "30" } }, 30],
  ])("%s is the aborted error", async (_, answer, afterMs) => {
    const control = new AbortController();
    const url = server.on("/x", answer);
    if (afterMs === 0) control.abort();
    else setTimeout(() => control.abort(), afterMs);
    expect((await failure(text(url, { signal: control.signal }))).code).toBe("aborted");
  });
});

describe("retries", () => {
  it.each([
    ["503 then 500 then fine", [{ status: 503 }, { status: 500 }, { body: "ok" }], 3],
    ["a dropped connection", [{ dropAtOnce: true }, { body: "ok" }], 2],
    ["429 with Retry-After in seconds", [{ status: 429, headers: { "retry-after": "0" } }, { body: "ok" }], 2],
    [
      "429 with a date in the past",
      [{ status: 429, headers: { "retry-after": new Date(0).toUTCString() } }, { body: "ok" }],
      2,
    ],
    ["408", [{ status: 408 }, { body: "ok" }], 2],
  ])("%s", async (_, answers, requests) => {
    const log: string[] = [];
    expect(await text(server.on("/r", ...answers), { log: (line) => log.push(line) })).toBe("ok");
    expect(server.received).toHaveLength(requests);
    expect(log).toHaveLength(requests - 1);
  });

  it("waits as long as Retry-After says", async () => {
    const start = performance.now();
    await text(server.on("/r", { status: 429, headers: { "retry-after": "1" } }, { body: "ok" }));
    expect(performance.now() - start).toBeGreaterThan(900);
  });

  it("ends after a few tries, and at once when the server wants a long wait", async () => {
    const url = server.on("/r", { status: 502 });
    expect((await failure(open(url))).message).toBe(`GET ${url}: 502 Bad Gateway`);
    expect(server.received).toHaveLength(4);
    const limited = server.on("/l", { status: 429, headers: { "retry-after": "3600" } });
    expect((await failure(open(limited))).message).toBe(
      `GET ${limited}: 429 Too Many Requests; the server asks to wait 3600 s`,
    );
    expect(server.received).toHaveLength(5);
  });

  it("does not repeat a 404, a 501 or a POST", async () => {
    await failure(open(server.on("/a", { status: 404 })));
    await failure(open(server.on("/b", { status: 501 })));
    await failure(open(server.on("/c", { status: 503 }), { method: "POST" }));
    expect(server.received).toHaveLength(3);
  });
});

describe("redirects", () => {
  const secrets = { Authorization: "Bearer s3cret", Cookie: "a=b", "X-Other": "stays" };

  it("keeps credentials within an origin", async () => {
    server.on("/from", { status: 302, headers: { location: "/to" } });
    server.on("/to", { body: "here" });
    const response = await open(`${server.origin}/from`, { headers: secrets });
    expect([response.url, await readBody(response, 10)]).toEqual([`${server.origin}/to`, Buffer.from("here")]);
    expect(server.received[1]?.headers).toMatchObject({ authorization: "Bearer s3cret", cookie: "a=b" });
  });

  it("drops credentials when the origin changes, for good", async () => {
    server.on("/from", { status: 307, headers: { location: `${server.otherOrigin}/over` } });
    server.on("/over", { status: 301, headers: { location: `${server.origin}/back` } });
    server.on("/back", { body: "here" });
    expect(await text(`${server.origin}/from`, { headers: secrets })).toBe("here");
    for (const seen of server.received.slice(1)) {
      expect(seen.headers).toMatchObject({ "x-other": "stays" });
      expect(seen.headers).not.toHaveProperty("authorization");
      expect(seen.headers).not.toHaveProperty("cookie");
    }
  });

  it.each([
    [301, "GET", ""],
    [302, "GET", ""],
    [303, "GET", ""],
    [307, "POST", "data"],
    [308, "POST", "data"],
  ])("%i after POST becomes %s", async (status, method, body) => {
    server.on("/from", { status, headers: { location: "/to" } });
    server.on("/to", { body: "ok" });
    await text(`${server.origin}/from`, { method: "POST", body: "data" });
    expect(server.received[1]).toMatchObject({ method, body });
  });

  it.each([
    ["/loop", "more than 10 redirects"],
    ["file:///etc/passwd", "redirects to file:///etc/passwd, which is neither http nor https"],
    ["http://a:b@[", 'redirects to "http://[", which is not a URL'],
  ])("to %s is an error", async (location, says) => {
    server.on("/loop", { status: 302, headers: { location } });
    expect((await failure(open(`${server.origin}/loop`))).message).toBe(`GET ${server.origin}/loop: ${says}`);
  });
});

describe("proxies", () => {
  it("sends http through http_proxy with its credentials, but not for no_proxy and the machine itself", async () => {
    const proxy = await startProxy(server.port);
    server.on("/x", { body: "through" });
    env.HTTP_PROXY = proxy.url.replace("//", "//me:pw@");
    expect(await text("http://files.test/x")).toBe("through");
    const basic = Buffer.from("me:pw").toString("base64");
    expect(proxy.seen).toEqual([`GET http://files.test/x Basic ${basic}`]);
    await text(`${server.origin}/x`);
    expect(proxy.seen).toHaveLength(1);
    await closeHttp(env);
    env.no_proxy = "files.test";
    expect((await failure(open("http://files.test/x", { tries: 1 }))).message).toMatch(/ENOTFOUND|EAI_AGAIN/);
    expect(proxy.seen).toHaveLength(1);
    await proxy.close();
  });

  it("tunnels https through https_proxy, and https alone", async () => {
    const proxy = await startProxy(server.port);
    env.https_proxy = proxy.url.replace("//", "//me:pw@");
    const error = await failure(open("https://files.test/x", { tries: 1 }));
    expect(proxy.seen).toEqual(["CONNECT files.test:443"]);
    expect(error.message).toBe("GET https://files.test/x: the proxy answered 403");
    expect(error.hint).toBe(`the proxy ${proxy.url} is set (https_proxy): check it, or add files.test to no_proxy`);
    expect((await failure(open("http://files.test/x", { tries: 1 }))).message).toMatch(/ENOTFOUND|EAI_AGAIN/);
    expect(proxy.seen).toHaveLength(1);
    await proxy.close();
  });

  it("says that the proxy wants credentials", async () => {
    env.http_proxy = server.origin;
    server.on("http://files.test/x", { status: 407 });
    const error = await failure(open("http://files.test/x"));
    expect(error.message).toBe("GET http://files.test/x: the proxy answered 407");
    expect(error.hint).toBe("the proxy wants credentials: http_proxy=http://USER:PASSWORD@HOST:PORT");
    expect(server.received).toHaveLength(1);
  });

  it("names the proxy when it is not there, without its password", async () => {
    env.http_proxy = "me:pw@127.0.0.1:1";
    const error = await failure(open("http://files.test/x"));
    expect(error.message).toBe("GET http://files.test/x: connection refused (ECONNREFUSED)");
    expect(error.hint).toBe(
      "the proxy http://127.0.0.1:1 is set (http_proxy): check it, or add files.test to no_proxy",
    );
    env.http_proxy = "http://a:pw@[";
    expect((await failure(open("http://files.test/x"))).message).toBe("the value of http_proxy is not a URL");
  });
});

// undici 7.26 to 7.30 end the process with an assertion here (nodejs/undici#5360); hence the exact version in package.json.
it("reads slowly what a server sends before it closes the connection", async () => {
  const bytes = noise(2_000_000);
  const server = createServer((_, response) => {
    response.writeHead(200, { connection: "close", "content-length": bytes.length }).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const { body } = await openHttp(`http://127.0.0.1:${port}/`, { signal: new AbortController().signal, env: {} });
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) {
      chunks.push(chunk);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
  } finally {
    server.close();
  }
});
