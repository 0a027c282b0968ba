import type { IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { abortedError, type Env } from "./context.ts";
import { FledgeError } from "./errors.ts";
import { statusError, type Unreachable, unreachable } from "./http-errors.ts";
import { proxyFor } from "./http-proxy.ts";
import { basicAuthorization, exchange, type TlsOptions } from "./http-transport.ts";
import { pause } from "./pause.ts";
import { dropSecrets, isLoopback } from "./url.ts";

export type HttpHeaders = Readonly<Record<string, string>>;

export type HttpRequest = TlsOptions & {
  readonly method?: "GET" | "HEAD" | "POST";
  readonly headers?: HttpHeaders;
  readonly body?: string;
  readonly signal: AbortSignal;
  /** Proxy variables (http_proxy, https_proxy, all_proxy, no_proxy, in either case) are read from here. */
  readonly env: Env;
  /** Statuses other than 2xx that the caller handles itself. */
  readonly allowStatus?: readonly number[];
  /** First pause before a retry; each further one is twice as long. Default 500. */
  readonly retryDelayMs?: number;
  /** How long a server may be silent. Default 60,000. */
  readonly idleTimeoutMs?: number;
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
export const DEFAULT_RETRY_DELAY_MS = 500;
const IDLE_TIMEOUT_MS = 60_000;
const MAX_RETRY_DELAY_MS = 60_000;
const RETRIED_STATUS = new Set([408, 425, 429, 500, 502, 503, 504]);
/** How much of the explanation that comes with a refusal is read and shown. */
const MAX_DETAIL_BYTES = 4096;
const MAX_DETAIL_CHARS = 300;
const MAX_DISCARDED_BYTES = 64 * 1024;

/**
 * Sends a request, follows redirects and retries what may pass: connection errors, 408, 425, 429 and 5xx, with backoff
 * and Retry-After (RFC 9110, 10.2.3). Credentials are not sent on to another origin. Throws a `download` error that
 * names the URL without its secrets.
 */
export async function openHttp(url: string, options: HttpRequest): Promise<HttpResponse> {
  let delay = options.retryDelayMs ?? DEFAULT_RETRY_DELAY_MS;
  for (let attempt = 1; ; attempt++) {
    const outcome = await send(url, options);
    const isFinal = attempt === TRIES;
    let wanted: number | undefined;
    if ("error" in outcome) {
      if (isFinal || !outcome.mayPass) throw outcome.error;
    } else if (isExpected(outcome.status, options)) {
      return outcome;
    } else {
      const detail = await errorText(outcome, options.signal);
      wanted = retryAfterMs(outcome.headers["retry-after"]);
      const isTooLong = wanted !== undefined && wanted > MAX_RETRY_DELAY_MS;
      if (isFinal || isTooLong || !RETRIED_STATUS.has(outcome.status)) {
        throw statusError(outcome.url, outcome.status, detail, isTooLong ? wanted : undefined);
      }
    }
    await pause(Math.max(wanted ?? 0, Math.min(delay, MAX_RETRY_DELAY_MS)), options.signal);
    delay *= 2;
  }
}

/** The answer at the end of the redirects, or why there is none. */
async function send(start: string, options: HttpRequest): Promise<HttpResponse | Unreachable> {
  let hop: Hop = firstHop(start, options);
  for (let count = 0; count <= MAX_REDIRECTS; count++) {
    const { url } = hop;
    const proxy = proxyFor(url, options.env);
    const { signal, ca, insecure, idleTimeoutMs = IDLE_TIMEOUT_MS } = options;
    const tls = { ...(ca !== undefined && { ca }), ...(insecure !== undefined && { insecure }) };
    let message: IncomingMessage;
    try {
      message = await exchange({ ...hop, ...tls, proxy, signal, idleTimeoutMs });
    } catch (error) {
      if (signal.aborted) throw abortedError(signal);
      return unreachable(url.href, error, proxy);
    }
    const { statusCode: status = 0 } = message;
    const headers = flatten(message.headers);
    if (!REDIRECTS.has(status) || headers.location === undefined) {
      return { status, headers, body: bodyOf(message), url: url.href };
    }
    await discard(message);
    hop = nextHop(hop, status, parseUrl(headers.location, url));
  }
  throw new FledgeError("download", `${dropSecrets(start)}: more than ${MAX_REDIRECTS} redirects`);
}

type Hop = { readonly url: URL; readonly method: string; readonly headers: HttpHeaders; readonly body?: string };

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

function firstHop(start: string, { method = "GET", headers = {}, body }: HttpRequest): Hop {
  const url = parseUrl(start);
  const authorization = basicAuthorization(url);
  const own = { "accept-encoding": "identity", "user-agent": "fledge", ...(authorization && { authorization }) };
  return { url, method, headers: { ...own, ...lowerCased(headers) }, ...(body !== undefined && { body }) };
}

/** A POST becomes a GET, as browsers do it, unless the status forbids (RFC 9110, 15.4). */
function nextHop({ url, method, headers, body }: Hop, status: number, next: URL): Hop {
  const where = `${dropSecrets(url.href)} redirects`;
  if (url.protocol === "https:" && next.protocol === "http:" && !isLoopback(next.hostname)) {
    throw new FledgeError("download", `${where} from https to http (${dropSecrets(next.href)})`);
  }
  const isSame = next.origin === url.origin;
  const onward = isSame ? headers : withoutCredentials(headers);
  if (method !== "POST") return { url: next, method, headers: onward };
  if (status !== 307 && status !== 308) return { url: next, method: "GET", headers: onward };
  if (!isSame) {
    throw new FledgeError("download", `${where} a POST to another origin (${dropSecrets(next.href)})`);
  }
  return { url: next, method, headers: onward, ...(body !== undefined && { body }) };
}

function isExpected(status: number, { allowStatus = [] }: HttpRequest): boolean {
  return (status >= 200 && status < 300) || allowStatus.includes(status);
}

function bodyOf(message: IncomingMessage): HttpResponse["body"] {
  return {
    [Symbol.asyncIterator]: () => message[Symbol.asyncIterator](),
    text: () => text(message),
    dump: () => discard(message),
  };
}

/** Reads on to the end, so that the connection can be used again; closes it when the end is far. */
async function discard(body: AsyncIterable<Uint8Array>): Promise<void> {
  await head(body, MAX_DISCARDED_BYTES).catch(() => {});
}

/** What comes first, at least `bytes` of it. */
async function head(body: AsyncIterable<Uint8Array>, bytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= bytes) break;
  }
  return Buffer.concat(chunks);
}

/** The first line of an answer that is an error, for people. */
async function errorText({ body }: HttpResponse, signal: AbortSignal): Promise<string> {
  const bytes = await head(body, MAX_DETAIL_BYTES).catch(() => Buffer.alloc(0));
  if (signal.aborted) throw abortedError(signal);
  const said = bytes.toString("utf8").trim();
  if (said.startsWith("<")) return "";
  return (said.split(/[\r\n]/)[0] ?? "").replace(/\p{Cc}/gu, "").slice(0, MAX_DETAIL_CHARS);
}

/** Milliseconds that a Retry-After header asks for: seconds or an HTTP date. */
function retryAfterMs(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
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

function flatten(headers: IncomingMessage["headers"]): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : value]),
  );
}
