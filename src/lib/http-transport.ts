import { Agent as HttpAgent, type IncomingMessage, type RequestOptions, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { ForwardProxy } from "./http-proxy.ts";

// node:http rather than undici: undici 7 ends the process with an assertion when a server closes the connection of a
// body that is read more slowly than it comes (nodejs/undici#5360), and undici 8 does not run on Node 20.

export type TlsOptions = {
  /** PEM certificates to trust instead of Node's. */
  readonly ca?: string;
  /** Do not check the server's certificate. */
  readonly insecure?: boolean;
};

export type Exchange = TlsOptions & {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly proxy?: ForwardProxy | undefined;
  readonly signal: AbortSignal;
  /** How long the other side may be silent, from the first packet to the last. */
  readonly idleTimeoutMs: number;
};

/** A proxy's own refusal, which is not the server's. */
export class ProxyRefusal extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`the proxy answered ${status}`);
    this.status = status;
  }
}

// Idle connections are kept for the next request. They do not keep the process alive.
const httpAgent = new HttpAgent({ keepAlive: true });
const httpsAgent = new HttpsAgent({ keepAlive: true });

/** One request and the head of its answer: directly, or through a proxy. Rejects with what Node throws. */
export async function exchange(options: Exchange): Promise<IncomingMessage> {
  const { url, proxy, headers } = options;
  if (proxy === undefined) return await send(url, url.pathname + url.search, headers, options);
  if (url.protocol === "https:") {
    const socket = await tunnel(url, new URL(proxy.url), options);
    return await send(url, url.pathname + url.search, headers, options, {
      agent: false,
      createConnection: () => socket,
    });
  }
  // Many proxies let CONNECT through to port 443 only: http goes by its absolute URI (RFC 9112, 3.2.2).
  const via = new URL(proxy.url);
  const target = `${url.origin}${url.pathname}${url.search}`;
  const answer = await send(via, target, { ...headers, host: url.host, ...proxyAuthorization(via) }, options);
  if (answer.statusCode !== 407) return answer;
  answer.destroy();
  throw new ProxyRefusal(407);
}

function send(
  to: URL,
  path: string,
  headers: Readonly<Record<string, string>>,
  options: Exchange,
  more: RequestOptions = {},
): Promise<IncomingMessage> {
  const { method, body, signal, idleTimeoutMs } = options;
  return new Promise((resolve, reject) => {
    const request = start(to, { ...tlsOf(options), method, path, headers, signal, timeout: idleTimeoutMs, ...more });
    let answer: IncomingMessage | undefined;
    request.on("error", reject);
    request.on("timeout", () => (answer ?? request).destroy(timedOut()));
    request.on("response", (response) => {
      answer = response;
      resolve(response);
    });
    request.end(body);
  });
}

/** A connection to an https server through a proxy: CONNECT (RFC 9110, 9.3.6), then TLS inside of it. */
async function tunnel(url: URL, via: URL, options: Exchange): Promise<Socket> {
  const target = `${url.hostname}:${url.port || 443}`;
  const socket = await new Promise<Socket>((resolve, reject) => {
    const { signal, idleTimeoutMs } = options;
    const headers = { host: target, ...proxyAuthorization(via) };
    const timeout = idleTimeoutMs;
    const request = start(via, { method: "CONNECT", path: target, headers, signal, timeout, agent: false });
    request.on("error", reject);
    request.on("timeout", () => request.destroy(timedOut()));
    request.on("response", (response) => {
      response.destroy();
      reject(new ProxyRefusal(response.statusCode ?? 0));
    });
    request.on("connect", ({ statusCode = 0 }, connection) => {
      if (statusCode >= 200 && statusCode < 300) resolve(connection);
      else reject(new ProxyRefusal(statusCode));
      if (statusCode < 200 || statusCode >= 300) connection.destroy();
    });
    request.end();
  });
  const host = withoutBrackets(url.hostname);
  return connectTls({ ...tlsOf(options), socket, host, ...(isIP(host) === 0 && { servername: host }) });
}

function start({ protocol, hostname, port }: URL, options: RequestOptions): ReturnType<typeof requestHttp> {
  const where = { protocol, hostname: withoutBrackets(hostname), port };
  return protocol === "https:"
    ? requestHttps({ agent: httpsAgent, ...where, ...options })
    : requestHttp({ agent: httpAgent, ...where, ...options });
}

function tlsOf({ ca, insecure = false }: TlsOptions): { ca?: string; rejectUnauthorized: boolean } {
  return { ...(ca !== undefined && { ca }), rejectUnauthorized: !insecure };
}

function proxyAuthorization(proxy: URL): Record<string, string> {
  const authorization = basicAuthorization(proxy);
  return authorization === undefined ? {} : { "proxy-authorization": authorization };
}

/** `https://USER:PASSWORD@HOST/` as the value of the header that it stands for. */
export function basicAuthorization({ username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined;
  return `Basic ${Buffer.from(`${percentDecoded(username)}:${percentDecoded(password)}`).toString("base64")}`;
}

/** A percent sign that begins no escape stands for itself. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

function timedOut(): Error {
  return Object.assign(new Error("no answer in time"), { code: "ETIMEDOUT" });
}
