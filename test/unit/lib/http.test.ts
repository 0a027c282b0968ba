import { execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { type HttpRequest, openHttp } from "../../../src/lib/http.ts";
import { closedPort, hang, httpProxy, httpServer, redirect, slow, status } from "../../helpers/http-server.ts";
import { describeWith, requireTools } from "../../helpers/requirements.ts";
import { tempDir } from "../../helpers/temp.ts";

const plain: HttpRequest = { signal: new AbortController().signal, env: {}, retryDelayMs: 1 };

async function textOf(url: string, options: Partial<HttpRequest> = {}): Promise<string> {
  return await (await openHttp(url, { ...plain, ...options })).body.text();
}

const aborted = { code: "aborted", message: "the build was interrupted" };

describe("an answer", () => {
  it("has its status, its headers in lower case, and its bytes as they came", async () => {
    const zipped = Buffer.from("1f8b0800000000000003cb48cdc9c9070086a6103605000000", "hex");
    const server = await httpServer({
      "/": (_request, response) =>
        response.writeHead(200, { "Content-Encoding": "gzip", "X-Two": ["a", "b"] }).end(zipped),
    });
    const response = await openHttp(server.url("/"), { ...plain, headers: { "X-Mine": "1" } });
    const chunks: Uint8Array[] = [];
    for await (const chunk of response.body) chunks.push(chunk);
    expect(Buffer.concat(chunks)).toEqual(zipped);
    expect(response).toMatchObject({ status: 200, url: server.url("/") });
    expect(response.headers["x-two"]).toBe("a, b");
    expect(server.requests[0]?.headers).toMatchObject({
      "accept-encoding": "identity",
      "user-agent": "fledge",
      "x-mine": "1",
    });
  });

  it("may be a status that the caller asked for", async () => {
    const server = await httpServer({ "/": status(404, {}, "no") });
    expect(await textOf(server.url("/"), { allowStatus: [404] })).toBe("no");
  });

  it("may be to a POST", async () => {
    const server = await httpServer({
      "/": (request, response) => void request.pipe(response.writeHead(200)),
    });
    expect(await textOf(server.url("/"), { method: "POST", body: "a=b" })).toBe("a=b");
  });
});

describe("a URL", () => {
  it.each(["ftp://x/y", "x", "", "https://"])("like %j is refused", async (url) => {
    await expect(openHttp(url, plain)).rejects.toMatchObject({
      code: "download",
      message: `"${url}" is not an http or https URL`,
    });
  });

  it("with a user and password sends them as a header, to its own origin only", async () => {
    const server = await httpServer({ "/": redirect("/b"), "/b": (_, response) => response.end("ok") });
    expect(await textOf(server.url("/").replace("//", "//me:p%40ss@"))).toBe("ok");
    const basic = `Basic ${Buffer.from("me:p@ss").toString("base64")}`;
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([basic, basic]);
    expect(await textOf(server.url("/b").replace("//", "//me:100%@"))).toBe("ok");
  });
});

describe("redirects", () => {
  it("of the same origin keep the credentials", async () => {
    const server = await httpServer({ "/a": redirect("/b?x=1"), "/b": status(200, {}, "there") });
    const response = await openHttp(server.url("/a"), { ...plain, headers: { Authorization: "secret" } });
    expect(await response.body.text()).toBe("there");
    expect(response.url).toBe(server.url("/b?x=1"));
    expect(server.requests[1]?.headers.authorization).toBe("secret");
  });

  it("to another origin drop them, for good", async () => {
    const server = await httpServer({
      "/a": (_, response) =>
        response.writeHead(307, { location: `http://localhost:${new URL(server.origin).port}/b` }).end(),
      "/b": (_, response) => response.writeHead(308, { location: `${server.origin}/c` }).end(),
      "/c": status(200, {}, "there"),
    });
    const headers = { Authorization: "secret", Cookie: "secret", "x-other": "1" };
    expect(await textOf(server.url("/a"), { headers })).toBe("there");
    expect(server.requests[0]?.headers).toMatchObject({ authorization: "secret", cookie: "secret" });
    for (const { headers: sent } of server.requests.slice(1)) {
      expect(sent).toMatchObject({ "x-other": "1" });
      expect(sent).not.toHaveProperty("authorization");
      expect(sent).not.toHaveProperty("cookie");
    }
  });

  it.each([301, 302, 303])("of a POST by %i become a GET", async (code) => {
    const server = await httpServer({ "/a": redirect("/b", code), "/b": status(200, {}, "there") });
    expect(await textOf(server.url("/a"), { method: "POST", body: "secret" })).toBe("there");
    expect(server.requests.map(({ method }) => method)).toEqual(["POST", "GET"]);
  });

  it("do not carry a POST's body to another origin", async () => {
    const server = await httpServer({
      "/a": (_, response) => response.writeHead(307, { location: `${server.otherOrigin}/b` }).end(),
    });
    await expect(textOf(server.url("/a"), { method: "POST", body: "secret" })).rejects.toThrow(
      `${server.url("/a")} redirects a POST to another origin (${server.otherOrigin}/b)`,
    );
    expect(server.requests).toHaveLength(1);
  });

  it("without end stop", async () => {
    const server = await httpServer({ "/": redirect("/") });
    await expect(openHttp(server.url("/?token=s3cret"), plain)).rejects.toMatchObject({
      code: "download",
      message: `${server.url("/")}: more than 10 redirects`,
    });
    expect(server.requests).toHaveLength(11);
  });

  it("to what is no web address are refused", async () => {
    const server = await httpServer({ "/": redirect("file:///etc/passwd?x=s3cret") });
    await expect(openHttp(server.url("/"), plain)).rejects.toThrow('"file:///etc/passwd" is not an http or https URL');
  });
});

describe("a refusal", () => {
  it.each([
    [400, undefined],
    [401, "are the credentials right?"],
    [403, "may these credentials read it?"],
    [404, "check the URL; there is nothing at it"],
  ])("%i is final", async (code, hint) => {
    const server = await httpServer({ "/": status(code, {}, "the reason\nand more") });
    await expect(openHttp(server.url("/?sig=s3cret").replace("//", "//me:s3cret@"), plain)).rejects.toMatchObject({
      code: "download",
      message: `${server.url("/")} answered ${code}: the reason`,
      hint,
    });
    expect(server.requests).toHaveLength(1);
  });

  it("leaves out a page that is meant for browsers, and control characters", async () => {
    const server = await httpServer({
      "/html": status(404, {}, "\n <html>"),
      "/bell": status(404, {}, "\x1b[31mred\x07"),
    });
    await expect(openHttp(server.url("/html"), plain)).rejects.toThrow(/ answered 404$/);
    await expect(openHttp(server.url("/bell"), plain)).rejects.toThrow(/ answered 404: \[31mred$/);
  });

  it("does not wait for the end of an endless explanation", async () => {
    const server = await httpServer({
      "/": (_, response) => {
        response.writeHead(404);
        const timer = setInterval(() => response.write("x".repeat(100_000)), 1);
        response.on("close", () => clearInterval(timer));
      },
    });
    await expect(openHttp(server.url("/"), plain)).rejects.toThrow(/ answered 404: x{300}$/);
  });
});

describe("what may pass", () => {
  it.each([408, 425, 429, 500, 502, 503, 504])("%i is tried again", async (code) => {
    const server = await httpServer({ "/": [status(code), status(code), status(200, {}, "ok")] });
    expect(await textOf(server.url("/"))).toBe("ok");
    expect(server.requests).toHaveLength(3);
  });

  it("is tried five times", async () => {
    const server = await httpServer({ "/": status(503, {}, "busy") });
    await expect(openHttp(server.url("/"), plain)).rejects.toMatchObject({
      message: `${server.url("/")} answered 503: busy`,
      hint: "the server is in trouble; try again later",
    });
    expect(server.requests).toHaveLength(5);
  });

  it("a connection that is closed before the answer is tried again", async () => {
    const server = await httpServer({ "/": [(_, { socket }) => void socket?.destroy(), status(200, {}, "ok")] });
    expect(await textOf(server.url("/"))).toBe("ok");
  });

  it.each([
    ["seconds", () => "1"],
    ["a date", () => new Date(Date.now() + 2000).toUTCString()],
  ])("waits for as long as Retry-After says in %s", async (_name, value) => {
    const server = await httpServer({ "/": [status(429, { "retry-after": value() }), status(200, {}, "ok")] });
    const started = performance.now();
    expect(await textOf(server.url("/"))).toBe("ok");
    expect(performance.now() - started).toBeGreaterThan(900);
  });

  it("does not come back at once for a Retry-After of 0, or one that has passed", async () => {
    const past = new Date(0).toUTCString();
    const server = await httpServer({ "/": [status(429, { "retry-after": past }), status(200, {}, "ok")] });
    const started = performance.now();
    expect(await textOf(server.url("/"), { retryDelayMs: 100 })).toBe("ok");
    expect(performance.now() - started).toBeGreaterThan(90);
  });

  it("gives up where the server asks for more patience than a build has", async () => {
    const server = await httpServer({ "/": status(429, { "retry-after": "3600" }) });
    await expect(openHttp(server.url("/"), plain)).rejects.toMatchObject({
      message: `${server.url("/")} answered 429`,
      hint: "it asks to be left alone for 3600 seconds",
    });
    expect(server.requests).toHaveLength(1);
  });
});

describe("an abort", () => {
  it("ends the wait for an answer", async () => {
    const server = await httpServer({ "/": hang() });
    await expect(openHttp(server.url("/"), { ...plain, signal: AbortSignal.timeout(50) })).rejects.toMatchObject(
      aborted,
    );
  });

  it("ends the pause before a retry", async () => {
    const server = await httpServer({ "/": status(503, { "retry-after": "30" }) });
    const started = performance.now();
    const signal = AbortSignal.timeout(50);
    await expect(openHttp(server.url("/"), { ...plain, signal })).rejects.toMatchObject(aborted);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it("ends the reading of a refusal", async () => {
    const server = await httpServer({ "/": (_, response) => void response.writeHead(404).write("a") });
    await expect(openHttp(server.url("/"), { ...plain, signal: AbortSignal.timeout(50) })).rejects.toMatchObject(
      aborted,
    );
  });

  it("ends the body", async () => {
    const server = await httpServer({ "/": slow(Buffer.alloc(1000), 10, 20) });
    const response = await openHttp(server.url("/"), { ...plain, signal: AbortSignal.timeout(100) });
    await expect(response.body.text()).rejects.toThrow();
  });

  it("before the start sends nothing", async () => {
    const server = await httpServer({ "/": status(200) });
    await expect(openHttp(server.url("/"), { ...plain, signal: AbortSignal.abort() })).rejects.toMatchObject(aborted);
    expect(server.requests).toEqual([]);
  });
});

describe("a server out of reach", () => {
  it.each(["127.0.0.1", "localhost"])("that refuses connections at %s", async (host) => {
    const url = `http://${host}:${await closedPort()}/x`;
    await expect(openHttp(`${url}?sig=s3cret`, plain)).rejects.toMatchObject({
      code: "download",
      message: `cannot reach ${url}: connection refused`,
      hint: "nothing listens there; check host and port",
    });
  });

  it("that does not exist", async () => {
    await expect(openHttp("http://no-such-host.invalid/", plain)).rejects.toMatchObject({
      message: expect.stringMatching(
        /^cannot reach http:\/\/no-such-host\.invalid\/: (the host was not found|the name)/,
      ),
      hint: "is the host's name right, and is there a network? (proxies: set https_proxy)",
    });
  });

  it("that does not answer in time", async () => {
    const server = await httpServer({ "/": hang() });
    await expect(openHttp(server.url("/"), { ...plain, idleTimeoutMs: 50 })).rejects.toMatchObject({
      message: `cannot reach ${server.url("/")}: no answer in time`,
    });
  });

  it("that speaks something else", async () => {
    const server = await httpServer({ "/": (_, { socket }) => void socket?.end("220 smtp ready\r\n") });
    await expect(openHttp(server.url("/"), plain)).rejects.toMatchObject({
      message: `cannot reach ${server.url("/")}: the answer is not HTTP`,
    });
  });
});

describeWith("TLS", [requireTools("openssl")], () => {
  async function tlsServer() {
    const folder = tempDir();
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert];
    execFileSync("openssl", ["req", "-x509", "-days", "2", ...made, ...subject], { stdio: "ignore" });
    const ca = readFileSync(cert, "utf8");
    let count = 0;
    const server = createTlsServer({ key: readFileSync(key), cert: ca }, ({ url }, response) => {
      if (url === "/") response.end("secure");
      else response.writeHead(302, { location: `http:/${url}` }).end();
    });
    server.on("connection", () => count++);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    return { ca, port, url: `https://localhost:${port}/`, connections: () => count };
  }

  it("trusts the certificates it is given, or any when told so", async () => {
    const { url, ca } = await tlsServer();
    expect(await textOf(url, { ca })).toBe("secure");
    expect(await textOf(url, { insecure: true })).toBe("secure");
  });

  it("refuses an unknown certificate at once", async () => {
    const { url, connections } = await tlsServer();
    await expect(openHttp(url, plain)).rejects.toMatchObject({
      message: `cannot reach ${url}: its certificate is not trusted (self-signed certificate)`,
      hint: "if it is your own server's, name its certificate in NODE_EXTRA_CA_CERTS",
    });
    expect(connections()).toBe(1);
  });

  it("refuses a certificate of another name", async () => {
    const { port, ca } = await tlsServer();
    await expect(openHttp(`https://127.0.0.1:${port}/`, { ...plain, ca })).rejects.toThrow(
      `cannot reach https://127.0.0.1:${port}/: its certificate is not trusted (Hostname/IP does not match`,
    );
  });

  it("goes through a proxy by CONNECT", async () => {
    const { url, ca, port } = await tlsServer();
    const proxy = await httpProxy();
    expect(await textOf(url, { ca, env: { https_proxy: proxy.origin } })).toBe("secure");
    expect(proxy.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([`CONNECT localhost:${port}`]);
  });

  it("does not use the proxy that is for http", async () => {
    const { url, ca } = await tlsServer();
    const proxy = await httpProxy();
    expect(await textOf(url, { ca, env: { http_proxy: proxy.origin } })).toBe("secure");
    expect(proxy.requests).toEqual([]);
  });

  it("names a proxy that wants credentials, at once", async () => {
    const { url, ca } = await tlsServer();
    const proxy = await httpProxy({ authorization: "none" });
    const env = { https_proxy: proxy.origin.replace("//", "//me:s3cret@") };
    await expect(openHttp(url, { ...plain, ca, env })).rejects.toMatchObject({
      message: `cannot reach ${url}: the proxy ${proxy.origin} answered 407`,
      hint: "it wants other credentials: http://USER:PASSWORD@HOST:PORT",
    });
    expect(proxy.requests).toHaveLength(1);
  });

  it("refuses a redirect to http, but for this machine", async () => {
    const { url, ca } = await tlsServer();
    await expect(openHttp(`${url}/example.org/x?sig=s3cret`, { ...plain, ca })).rejects.toMatchObject({
      code: "download",
      message: `${url}/example.org/x redirects from https to http (http://example.org/x)`,
    });
    const server = await httpServer({ "/": status(200, {}, "near") });
    expect(await textOf(`${url}/${new URL(server.origin).host}/`, { ca })).toBe("near");
  });
});

describe("proxies", () => {
  it.each(["http_proxy", "HTTP_PROXY", "all_proxy"])("are taken from %s", async (name) => {
    const server = await httpServer({ "/x": status(200, {}, "ok") });
    const proxy = await httpProxy();
    expect(await textOf(server.url("/x?a=b"), { env: { [name]: proxy.origin } })).toBe("ok");
    expect(proxy.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([`GET ${server.url("/x?a=b")}`]);
  });

  it("may be named without a scheme, and with credentials", async () => {
    const server = await httpServer({ "/": status(200, {}, "ok") });
    const proxy = await httpProxy({ authorization: `Basic ${Buffer.from("me:p@ss").toString("base64")}` });
    const env = { http_proxy: proxy.origin.replace("http://", "me:p%40ss@") };
    expect(await textOf(server.url("/"), { env })).toBe("ok");
  });

  it("are left aside for the hosts of no_proxy", async () => {
    const server = await httpServer({ "/": status(200, {}, "ok") });
    const env = { http_proxy: `http://127.0.0.1:${await closedPort()}`, no_proxy: "example.org, 127.0.0.1" };
    expect(await textOf(server.url("/"), { env })).toBe("ok");
  });

  it("out of reach are named, without their credentials", async () => {
    const port = await closedPort();
    const env = { http_proxy: `http://me:s3cret@127.0.0.1:${port}` };
    await expect(openHttp("http://example.org/x?y", { ...plain, env })).rejects.toMatchObject({
      message: "cannot reach http://example.org/x: connection refused",
      hint: `is the proxy http://127.0.0.1:${port} the right one? (http_proxy)`,
    });
  });

  it("that want credentials are named", async () => {
    const proxy = await httpProxy({ authorization: "none" });
    await expect(
      openHttp("http://example.org/", { ...plain, env: { http_proxy: proxy.origin } }),
    ).rejects.toMatchObject({
      message: `cannot reach http://example.org/: the proxy ${proxy.origin} answered 407`,
      hint: "it wants other credentials: http://USER:PASSWORD@HOST:PORT",
    });
    expect(proxy.requests).toHaveLength(1);
  });

  it("of a kind that is not spoken here are refused", async () => {
    await expect(
      openHttp("http://example.org/", { ...plain, env: { http_proxy: "socks5://me:s3cret@h:1" } }),
    ).rejects.toMatchObject({
      code: "config",
      message: 'http_proxy: "socks5://h:1" is not the URL of an http proxy',
      hint: "http://HOST:PORT",
    });
  });
});

it("the process ends although a connection is kept open", async () => {
  const server = await httpServer({ "/": status(200, {}, "ok") });
  const module = fileURLToPath(new URL("../../../src/lib/http.ts", import.meta.url));
  const text = `
    import { openHttp } from ${JSON.stringify(module)};
    const { body } = await openHttp(${JSON.stringify(server.url("/"))}, { signal: new AbortController().signal, env: {} });
    process.stdout.write(await body.text());
  `;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", text], { stdio: "pipe" });
  let printed = 0;
  child.stdout.once("data", () => {
    printed = performance.now();
  });
  await new Promise((resolve) => child.on("close", resolve));
  expect(performance.now() - printed).toBeLessThan(900);
});
