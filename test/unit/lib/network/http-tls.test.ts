import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { closeHttp, type HttpOptions, openHttp, readBody } from "../../../../src/lib/network/http.ts";
import { firstStep, nextStep } from "../../../../src/lib/network/http-step.ts";
import { backoffMs, isPassingStatus, retryAfterMs } from "../../../../src/lib/network/retry.ts";
import { startTlsServer, startTunnel, type TlsServer } from "../../../helpers/tls-server.ts";

let server: TlsServer;
let env: Record<string, string>;

beforeEach(async () => {
  server = await startTlsServer();
  env = {};
});
afterEach(async () => {
  await closeHttp(env);
  await server.close();
});

async function text(url: string, options: Partial<HttpOptions> = {}): Promise<string> {
  const signal = new AbortController().signal;
  return (await readBody(await openHttp(url, { signal, env, retryDelayMs: 1, ...options }), 100)).toString();
}

describe("https", () => {
  it("refuses a certificate that nobody trusts, at once and with the remedy", async () => {
    const log: string[] = [];
    const url = `https://localhost:${server.port}/x`;
    await expect(text(url, { log: (line) => log.push(line) })).rejects.toMatchObject({
      code: "download",
      message: `GET ${url}: self-signed certificate (DEPTH_ZERO_SELF_SIGNED_CERT)`,
      hint: "if you trust the server, NODE_EXTRA_CA_CERTS=FILE.pem adds its certificate authority",
    });
    expect(log).toEqual([]);
  });

  it("trusts a certificate authority of the caller's, or any when told to", async () => {
    const url = `https://localhost:${server.port}/x`;
    expect(await text(url, { ca: server.certificate })).toBe("secure");
    expect(await text(url, { insecure: true })).toBe("secure");
    await expect(text(url)).rejects.toThrow("self-signed");
  });

  it("refuses a certificate for another name", async () => {
    const tunnel = await startTunnel(server.port);
    env.https_proxy = tunnel.url;
    await expect(text("https://other.test/x", { ca: server.certificate })).rejects.toThrow(
      /ERR_TLS_CERT_ALTNAME_INVALID|altnames/,
    );
    await closeHttp(env);
    await tunnel.close();
  });

  it("goes through the tunnel of a proxy, which is given its credentials and not ours", async () => {
    const tunnel = await startTunnel(server.port);
    env.HTTPS_PROXY = tunnel.url.replace("//", "//me:pw@");
    const headers = { authorization: "Bearer s3cret" };
    expect(await text("https://files.test/x", { ca: server.certificate, headers })).toBe("secure");
    expect(tunnel.seen).toEqual([`CONNECT files.test:443 Basic ${Buffer.from("me:pw").toString("base64")}`]);
    await closeHttp(env);
    await tunnel.close();
  });

  it("is not left for http, save for the machine itself", async () => {
    const url = `https://localhost:${server.port}/down`;
    await expect(text(url, { insecure: true })).rejects.toMatchObject({
      message: `GET ${url}: redirects from https to http://files.test/x`,
      hint: expect.stringContaining("stays on https"),
    });
    const step = firstStep("https://files.test/a", {});
    expect(nextStep(step, "http://127.0.0.1:80/b", 302).url.href).toBe("http://127.0.0.1/b");
    expect(nextStep(step, "http://[::1]/b", 302).url.href).toBe("http://[::1]/b");
    expect(() => nextStep(step, "http://127.0.0.1.evil.test/b", 302)).toThrow(
      "from https to http://127.0.0.1.evil.test/b",
    );
  });
});

describe("retry", () => {
  it("reads Retry-After as seconds and as a date", () => {
    const now = Date.parse("2026-01-01T00:00:00Z");
    expect([
      retryAfterMs("7"),
      retryAfterMs("Thu, 01 Jan 2026 00:00:05 GMT", now),
      retryAfterMs("soon"),
      retryAfterMs(undefined),
    ]).toEqual([7000, 5000, undefined, undefined]);
  });

  it("doubles its delays, and knows what passes", () => {
    expect([1, 2, 3].map((tries) => backoffMs(tries))).toEqual([500, 1000, 2000]);
    expect([408, 429, 500, 503, 404, 501, 505].filter(isPassingStatus)).toEqual([408, 429, 500, 503]);
  });
});
