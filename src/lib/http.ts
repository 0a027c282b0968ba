import { setTimeout as sleep } from "node:timers/promises";
import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from "undici";
import { abortedError, type Env } from "./context.ts";
import { errnoOf, FledgeError, messageOf } from "./errors.ts";
import { dropSecrets, isLoopback } from "./url.ts";

export type HttpHeaders = Readonly<Record<string, string>>;

export type HttpRequest = {
  readonly method?: "GET" | "HEAD" | "POST";
  readonly headers?: HttpHeaders;
  readonly body?: string;
  readonly signal: AbortSignal;
  /** Proxy variables (http_proxy, https_proxy, no_proxy, in either case) are read from here. */
  readonly env: Env;
  /** PEM certificates to trust instead of Node's. */
  readonly ca?: string;
  /** Do not check the server's certificate. */
  readonly insecure?: boolean;
  /** Statuses other than 2xx that the caller handles itself. */
  readonly allowStatus?: readonly number[];
  /** First pause before a retry; each further one is twice as long. Default 500. */
  readonly retryDelayMs?: number;
};

export type HttpResponse = {
  readonly status: number;
  /** Names in lower case; of a repeated header the values, joined by commas. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The bytes on the wire: nothing decodes them. Consume them, or the connection stays busy. */
  readonly body: AsyncIterable<Uint8Array> & { text(): Promise<string>; dump(): Promise<void> };
  /** Where the redirects ended. */
  readonly url: string;
};

const MAX_REDIRECTS = 10;
const TRIES = 5;
const DEFAULT_RETRY_DELAY_MS = 500;
const MAX_RETRY_DELAY_MS = 60_000;
const RETRIED_STATUS = new Set([408, 425, 429, 500, 502, 503, 504]);
const CONNECT_TIMEOUT_MS = 20_000;
const IDLE_TIMEOUT_MS = 60_000;

/**
 * Sends a request, follows redirects and retries what may pass: connection errors, 408, 429 and 5xx, with backoff and
 * Retry-After (RFC 9110, 10.2.3). Credentials are not sent on to another origin. Throws a `download` error that names
 * the URL without its secrets.
 */
export async function openHttp(url: string, options: HttpRequest): Promise<HttpResponse> {
  let delay = options.retryDelayMs ?? DEFAULT_RETRY_DELAY_MS;
  for (let attempt = 1; ; attempt++) {
    const outcome = await followRedirects(url, options).catch((error: unknown) => failure(url, error, options));
    const isFinal = attempt === TRIES;
    if (outcome instanceof RetryableFailure) {
      if (isFinal) throw outcome.error;
    } else if (isExpected(outcome.status, options)) {
      return outcome;
    } else {
      const detail = await errorText(outcome);
      if (isFinal || !RETRIED_STATUS.has(outcome.status)) throw statusError(outcome, detail, options.env);
    }
    const wanted = outcome instanceof RetryableFailure ? undefined : retryAfterMs(outcome.headers["retry-after"]);
    await pause(Math.min(wanted ?? delay, MAX_RETRY_DELAY_MS), options.signal);
    delay *= 2;
  }
}

/** A failure that another attempt may not meet; carried as a value, so that only the last one is thrown. */
class RetryableFailure {
  readonly error: FledgeError;
  constructor(error: FledgeError) {
    this.error = error;
  }
}

async function followRedirects(start: string, options: HttpRequest): Promise<HttpResponse> {
  let url = parseUrl(start);
  let headers: HttpHeaders = { "accept-encoding": "identity", "user-agent": "fledge", ...lowerCased(options.headers) };
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const { method = "GET", body, signal } = options;
    const response = await request(url, {
      method,
      headers,
      signal,
      dispatcher: dispatcherFor(options),
      ...(body !== undefined && { body }),
    });
    const plain = flatten(response.headers);
    const { location } = plain;
    if (
      response.statusCode < 300 ||
      response.statusCode >= 400 ||
      location === undefined ||
      response.statusCode === 304
    ) {
      return { status: response.statusCode, headers: plain, body: response.body, url: url.href };
    }
    await response.body.dump();
    const next = parseUrl(location, url);
    if (url.protocol === "https:" && next.protocol === "http:" && !isLoopback(next.hostname)) {
      throw new FledgeError(
        "download",
        `${dropSecrets(url.href)} redirects from https to http (${dropSecrets(next.href)})`,
      );
    }
    if (next.origin !== url.origin) headers = withoutCredentials(headers);
    url = next;
  }
  throw new FledgeError("download", `${dropSecrets(start)}: more than ${MAX_REDIRECTS} redirects`);
}

function isExpected(status: number, { allowStatus = [] }: HttpRequest): boolean {
  return (status >= 200 && status < 300) || allowStatus.includes(status);
}

function failure(url: string, error: unknown, { signal, env }: HttpRequest): RetryableFailure {
  if (signal.aborted) throw abortedError(signal);
  if (error instanceof FledgeError) throw error;
  const why = errnoOf(error) ?? messageOf(error);
  const hint =
    proxyOf(env) === undefined ? networkHint(why) : `is the proxy ${dropSecrets(proxyOf(env) ?? "")} the right one?`;
  return new RetryableFailure(
    new FledgeError("download", `cannot reach ${dropSecrets(url)}: ${messageOf(error) || why}`, { cause: error, hint }),
  );
}

function statusError({ status, url }: HttpResponse, detail: string, env: Env): FledgeError {
  const hints: Readonly<Record<number, string>> = {
    401: "are the credentials right?",
    403: "may these credentials read it?",
    404: "check the URL; there is nothing at it",
    407: `the proxy ${dropSecrets(proxyOf(env) ?? "")} wants credentials: http://USER:PASSWORD@HOST:PORT`,
    429: "the server limits requests; wait a while, or log in",
  };
  const text = detail === "" ? "" : `: ${detail}`;
  return new FledgeError("download", `${dropSecrets(url)} answered ${status}${text}`, {
    hint: hints[status] ?? (status >= 500 ? "the server is in trouble; try again later" : undefined),
  });
}

/** The first line of an answer that is an error, for people. */
async function errorText({ body }: HttpResponse): Promise<string> {
  const text = await body.text().catch(() => "");
  return /^\s*</.test(text) ? "" : (text.trim().split("\n")[0] ?? "").slice(0, 300);
}

/** Milliseconds that a Retry-After header asks for: seconds or an HTTP date. */
function retryAfterMs(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {
    throw abortedError(signal);
  });
}

// One connection pool per set of network options, for the life of the process. Idle connections close soon, so they
// do not keep the process alive.
const dispatchers = new Map<string, Dispatcher>();

function dispatcherFor({ env, ca, insecure = false }: HttpRequest): Dispatcher {
  const proxies = [proxy(env, "http"), proxy(env, "https"), proxy(env, "no")];
  const key = JSON.stringify([proxies, ca, insecure]);
  let dispatcher = dispatchers.get(key);
  if (dispatcher === undefined) {
    const tls = { ...(ca !== undefined && { ca }), rejectUnauthorized: !insecure };
    const shared = {
      headersTimeout: IDLE_TIMEOUT_MS,
      bodyTimeout: IDLE_TIMEOUT_MS,
      keepAliveTimeout: 1_000,
      keepAliveMaxTimeout: 1_000,
      connect: { ...tls, timeout: CONNECT_TIMEOUT_MS },
    };
    const [httpProxy, httpsProxy, noProxy] = proxies;
    dispatcher =
      httpProxy === undefined && httpsProxy === undefined
        ? new Agent(shared)
        : new EnvHttpProxyAgent({
            ...shared,
            requestTls: tls,
            httpProxy: httpProxy ?? "",
            httpsProxy: httpsProxy ?? "",
            noProxy: noProxy ?? "",
          });
    dispatchers.set(key, dispatcher);
  }
  return dispatcher;
}

function proxy(env: Env, kind: "http" | "https" | "no"): string | undefined {
  return env[`${kind}_proxy`] || env[`${kind}_proxy`.toUpperCase()] || undefined;
}

function proxyOf(env: Env): string | undefined {
  return proxy(env, "https") ?? proxy(env, "http");
}

function networkHint(why: string): string | undefined {
  if (why === "ENOTFOUND" || why === "EAI_AGAIN")
    return "is the host's name right, and is there a network? (proxies: set https_proxy)";
  if (why === "ECONNREFUSED") return "nothing listens there; check host and port";
  if (/CERT|SELF_SIGNED|UNABLE_TO/.test(why)) return "the server's certificate is not trusted; set NODE_EXTRA_CA_CERTS";
  return undefined;
}

function parseUrl(text: string, base?: URL): URL {
  const url = URL.canParse(text, base?.href) ? new URL(text, base?.href) : undefined;
  if (url !== undefined && (url.protocol === "http:" || url.protocol === "https:")) return url;
  throw new FledgeError("download", `"${dropSecrets(text)}" is not an http or https URL`);
}

function withoutCredentials(headers: HttpHeaders): HttpHeaders {
  const { authorization: _a, cookie: _c, ...rest } = headers;
  return rest;
}

function lowerCased(headers: HttpHeaders = {}): HttpHeaders {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function flatten(headers: Record<string, string | string[] | undefined>): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : value]),
  );
}
