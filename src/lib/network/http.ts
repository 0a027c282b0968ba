import { Readable } from "node:stream";
import { rootCertificates } from "node:tls";
import type { Dispatcher } from "undici";
import { abortedError, type Env, isOffline, throwIfAborted } from "../context.ts";
import { FledgeError, isFledgeError } from "../errors.ts";
import { connectionError, isPassingFailure, safeUrl, statusError } from "./http-errors.ts";
import { firstStep, type HttpBody, nextStep, redirectTarget, type Step } from "./http-step.ts";
import { proxyFor } from "./proxy.ts";
import { backoffMs, isPassingStatus, LONGEST_WAIT_MS, retryAfterMs, sleep } from "./retry.ts";

export type HttpOptions = {
  readonly signal: AbortSignal;
  /** Where the proxy variables are; connections are kept and reused per environment object. */
  readonly env: Env;
  /** Default `GET`. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: HttpBody;
  /** A socket of this machine that is asked instead of the URL's host. */
  readonly socketPath?: string | undefined;
  /** PEM certificates to trust besides those that Node trusts. */
  readonly ca?: string;
  /** Accepts any certificate. Default false. */
  readonly insecure?: boolean;
  /** Default 10. */
  readonly maxRedirects?: number;
  /** Statuses outside 2xx that the caller wants to see as an answer, not as an error. */
  readonly allowStatus?: readonly number[];
  /** Times a request is sent before its last failure counts. Default 4, and 1 for POST and PATCH. */
  readonly tries?: number;
  /** Wait before the second try; doubles after each. Default 500. */
  readonly retryDelayMs?: number;
  /** Longest wait for the headers, and between two pieces of the body. Default 60,000. */
  readonly idleTimeoutMs?: number;
  /**
   * A body that comes slower than this, over as long as `idleTimeoutMs`, is broken off like one that stands still.
   * Default 1024; 0 waits on.
   */
  readonly minBytesPerSecond?: number | undefined;
  /** What the server says of itself in the answer to what failed. */
  readonly wordsOf?: (response: HttpResponse) => Promise<string | undefined>;
  /** Told about each try that failed and will be repeated. */
  readonly log?: (message: string) => void;
};

export type HttpResponse = {
  readonly status: number;
  /** Lower-case names; a header that came several times is joined with ", ". */
  readonly headers: Readonly<Record<string, string>>;
  /** The bytes as they were on the wire, never decoded. Read it, or call `discard`. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Where the answer came from, after redirects; without `user:password@`. */
  readonly url: string;
  discard(): Promise<void>;
  /** The beginning of the body, as far as it comes soon; for answers that are errors. The rest is discarded. */
  peek(): Promise<Buffer>;
};

const CONNECT_TIMEOUT_MS = 15_000;
const IDLE_TIMEOUT_MS = 60_000;
const MIN_BYTES_PER_SECOND = 1024;
/** What is read of an answer that nobody wanted, and how long, so that its connection can be used again. */
const LEFTOVER_BYTES = 16_384;
const LEFTOVER_MS = 5_000;
/** The longest that a small answer may take. */
const WHOLE_BODY_MS = 300_000;
// Sent twice they may act twice (RFC 9110, 9.2.2); a caller that knows better sets `tries`.
const NOT_IDEMPOTENT = new Set(["POST", "PATCH"]);

/**
 * Sends a request, follows redirects and repeats what may pass (connection failures, 408, 429, 5xx).
 * Credentials do not follow a redirect to another origin, and no redirect leads from https to http.
 * Throws a `download` error that names the URL without its secrets, also where nothing may be fetched, or the `aborted`
 * error.
 */
export async function openHttp(url: string, options: HttpOptions): Promise<HttpResponse> {
  if (isOffline(options.env)) {
    throw new FledgeError(
      "download",
      `${safeUrl(url)} is not fetched: the network is not to be used (FLEDGE_OFFLINE)`,
      {
        hint: "leave out --offline, or unset FLEDGE_OFFLINE",
      },
    );
  }
  let step: Step = firstStep(url, options);
  for (let redirects = 0; ; redirects++) {
    const response = await sendWithRetries(step, options);
    const location = redirectTarget(response);
    if (location === undefined) return response;
    await response.discard();
    if (redirects >= (options.maxRedirects ?? 10)) {
      throw new FledgeError("download", `${step.method} ${safeUrl(url)}: more than ${redirects} redirects`, {
        hint: "check the URL; the server sends it in circles",
      });
    }
    step = nextStep(step, location, response.status);
  }
}

/** Reads a small answer (JSON, a token) whole; more than `maxBytes` is a `download` error. */
export async function readBody(response: HttpResponse, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const end = performance.now() + WHOLE_BODY_MS;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (performance.now() > end) {
      throw new FledgeError(
        "download",
        `${safeUrl(response.url)}: only ${size} bytes came in ${WHOLE_BODY_MS / 1000} s`,
        {
          hint: "the server or the network is too slow: try again later",
        },
      );
    }
    if (size > maxBytes) {
      throw new FledgeError("download", `${safeUrl(response.url)}: the answer is longer than ${maxBytes} bytes`, {
        hint: "check the URL: this is not the kind of answer that was expected",
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * Closes the connections that were opened for an environment. Idle ones do not keep the process alive anyway.
 * @internal for tests
 */
export async function closeHttp(env: Env): Promise<void> {
  const open = dispatchers.get(env);
  dispatchers.delete(env);
  await Promise.all([...(open?.values() ?? [])].map((dispatcher) => dispatcher.destroy()));
}

async function sendWithRetries(step: Step, options: HttpOptions): Promise<HttpResponse> {
  const tries = options.tries ?? (NOT_IDEMPOTENT.has(step.method) ? 1 : 4);
  for (let count = 1; ; count++) {
    throwIfAborted(options.signal);
    const outcome = await sendOnce(step, options);
    const last = count >= tries;
    if (!isFledgeError(outcome)) {
      const { status } = outcome;
      const asked = retryAfterMs(outcome.headers["retry-after"]);
      const tooLong = asked !== undefined && asked > LONGEST_WAIT_MS;
      if (last || tooLong || !isPassingStatus(status)) return await accept(step, outcome, options, asked);
      await outcome.discard();
      options.log?.(`${step.method} ${safeUrl(step.url)}: ${status}, trying again`);
      await sleep(asked ?? backoffMs(count, options.retryDelayMs), options.signal);
    } else {
      if (last || !isPassingFailure(outcome.cause)) throw outcome;
      options.log?.(`${outcome.message}, trying again`);
      await sleep(backoffMs(count, options.retryDelayMs), options.signal);
    }
  }
}

async function accept(step: Step, response: HttpResponse, options: HttpOptions, waitMs?: number) {
  const { status } = response;
  const wanted = (status >= 200 && status < 300) || (options.allowStatus ?? []).includes(status);
  if (wanted || redirectTarget(response) !== undefined) return response;
  const words = await options.wordsOf?.(response);
  await response.discard();
  throw statusError(step.method, step.url, status, { waitMs: isPassingStatus(status) ? waitMs : undefined, words });
}

/** One request on the wire; a failed connection comes back as the error it will be if no try succeeds. */
async function sendOnce(step: Step, options: HttpOptions): Promise<HttpResponse | FledgeError> {
  const idleMs = options.idleTimeoutMs ?? IDLE_TIMEOUT_MS;
  const { minBytesPerSecond = MIN_BYTES_PER_SECOND } = options;
  const bare = new URL(step.url);
  bare.username = bare.password = "";
  const fail = (thrown: unknown) =>
    options.signal.aborted ? abortedError(options.signal) : connectionError(step.method, step.url, thrown, options.env);
  // With the first request: most builds of what is in the cache send none.
  const undici = await import("undici");
  const dispatcher = dispatcherFor(step.url, options, undici);
  try {
    const { statusCode, headers, body } = await undici.request(bare, {
      dispatcher,
      method: step.method,
      headers: { ...step.headers },
      body: bodyOf(step),
      signal: options.signal,
      headersTimeout: idleMs,
      bodyTimeout: idleMs,
    });
    return {
      status: statusCode,
      headers: flat(headers),
      url: bare.href,
      body: withErrors(body, { fail, pace: new Pace(minBytesPerSecond, idleMs, `${step.method} ${safeUrl(bare)}`) }),
      discard: () => discard(body),
      peek: () => peek(body),
    };
  } catch (thrown) {
    const error = fail(thrown);
    if (error.code === "aborted") throw error;
    return error;
  }
}

function bodyOf({ body }: Step): string | Buffer | Readable | null {
  if (typeof body === "function") return Readable.from(body(), { objectMode: false });
  return body === undefined || typeof body === "string" ? (body ?? null) : Buffer.from(body);
}

type Body = Dispatcher.ResponseData["body"];

async function discard(body: Body): Promise<void> {
  await body.dump({ limit: LEFTOVER_BYTES, signal: AbortSignal.timeout(LEFTOVER_MS) }).catch(() => {});
}

async function peek(body: Body): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const timer = setTimeout(() => body.destroy(), LEFTOVER_MS);
  try {
    let size = 0;
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= LEFTOVER_BYTES) break;
    }
  } catch {
    // What has come is all there is.
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(chunks).subarray(0, LEFTOVER_BYTES);
}

/** Measures how fast bytes come, by the time that was spent on waiting for them. */
class Pace {
  readonly #least: number;
  readonly #windowMs: number;
  readonly #label: string;
  #waitedMs = 0;
  #bytes = 0;

  constructor(least: number, windowMs: number, label: string) {
    this.#least = least;
    this.#windowMs = windowMs;
    this.#label = label;
  }

  /** Throws a `download` error when too little came over a whole window. */
  add(waitedMs: number, bytes: number): void {
    this.#waitedMs += waitedMs;
    this.#bytes += bytes;
    if (this.#waitedMs < this.#windowMs) return;
    const seconds = this.#waitedMs / 1000;
    if (this.#bytes < this.#least * seconds) {
      throw new FledgeError("download", `${this.#label}: only ${this.#bytes} bytes in ${seconds.toFixed(0)} s`, {
        hint: "the server or the network is too slow: try again later; limits.minBytesPerSecond says what is",
      });
    }
    this.#waitedMs = this.#bytes = 0;
  }
}

async function* withErrors(
  body: AsyncIterable<Uint8Array>,
  { fail, pace }: { readonly fail: (thrown: unknown) => FledgeError; readonly pace: Pace },
) {
  const chunks = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const asked = performance.now();
      const next = await chunks.next().catch((thrown) => {
        throw fail(thrown);
      });
      if (next.done === true) return;
      pace.add(performance.now() - asked, next.value.length);
      yield next.value;
    }
  } finally {
    // A reader that stops early must free the connection.
    await chunks.return?.();
  }
}

function flat(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) out[name.toLowerCase()] = typeof value === "string" ? value : value.join(", ");
  }
  return out;
}

// Connections outlive a request so that they can be reused; they are found again by what they were opened for.
const dispatchers = new WeakMap<Env, Map<string, Dispatcher>>();

function dispatcherFor(url: URL, options: HttpOptions, { Agent, ProxyAgent }: typeof import("undici")): Dispatcher {
  const { socketPath } = options;
  const proxy = socketPath === undefined ? proxyFor(url, options.env) : undefined;
  const key = JSON.stringify([proxy ?? null, options.insecure ?? false, options.ca ?? "", socketPath ?? ""]);
  const open = dispatchers.get(options.env) ?? new Map<string, Dispatcher>();
  dispatchers.set(options.env, open);
  const known = open.get(key);
  if (known !== undefined) return known;
  const tls = {
    rejectUnauthorized: options.insecure !== true,
    ...(options.ca === undefined ? {} : { ca: [...rootCertificates, options.ca] }),
  };
  const connect = { ...tls, timeout: CONNECT_TIMEOUT_MS, ...(socketPath !== undefined && { socketPath }) };
  const dispatcher =
    proxy === undefined
      ? new Agent({ connect })
      : new ProxyAgent({
          uri: proxy,
          proxyTunnel: false, // plain http goes to the proxy as it is: many refuse CONNECT to port 80
          requestTls: tls,
          proxyTls: connect,
          connect,
        });
  open.set(key, dispatcher);
  return dispatcher;
}
