import { rootCertificates } from "node:tls";
import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from "undici";
import { abortedError, type Env, throwIfAborted } from "./context.ts";
import { FledgeError, isFledgeError } from "./errors.ts";
import { connectionError, isPassingFailure, safeUrl, statusError } from "./http-errors.ts";
import { firstStep, nextStep, redirectTarget, type Step } from "./http-step.ts";
import { isLoopback, proxySettings } from "./proxy.ts";
import { backoffMs, isPassingStatus, LONGEST_WAIT_MS, retryAfterMs, sleep } from "./retry.ts";

export type HttpOptions = {
  readonly signal: AbortSignal;
  /** Where the proxy variables are; connections are kept and reused per environment object. */
  readonly env: Env;
  /** Default `GET`. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** In memory, so that it can be sent again. */
  readonly body?: string | Uint8Array;
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
};

const CONNECT_TIMEOUT_MS = 15_000;
// Sent twice they may act twice (RFC 9110, 9.2.2); a caller that knows better sets `tries`.
const NOT_IDEMPOTENT = new Set(["POST", "PATCH"]);

/**
 * Sends a request, follows redirects and repeats what may pass (connection failures, 408, 429, 5xx).
 * Credentials do not follow a redirect to another origin, and no redirect leads from https to http.
 * Throws a `download` error that names the URL without its secrets, or the `aborted` error.
 */
export async function openHttp(url: string, options: HttpOptions): Promise<HttpResponse> {
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
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > maxBytes) {
      throw new FledgeError("download", `${safeUrl(response.url)}: the answer is longer than ${maxBytes} bytes`, {
        hint: "check the URL: this is not the kind of answer that was expected",
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Closes the connections that were opened for an environment. Idle ones do not keep the process alive anyway. */
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
  await response.discard();
  throw statusError(step.method, step.url, status, isPassingStatus(status) ? waitMs : undefined);
}

/** One request on the wire; a failed connection comes back as the error it will be if no try succeeds. */
async function sendOnce(step: Step, options: HttpOptions): Promise<HttpResponse | FledgeError> {
  const idleMs = options.idleTimeoutMs ?? 60_000;
  const bare = new URL(step.url);
  bare.username = bare.password = "";
  const fail = (thrown: unknown) =>
    options.signal.aborted ? abortedError(options.signal) : connectionError(step.method, step.url, thrown, options.env);
  const dispatcher = dispatcherFor(step.url, options);
  try {
    const { statusCode, headers, body } = await request(bare, {
      dispatcher,
      method: step.method,
      headers: { ...step.headers },
      body: step.body === undefined ? null : typeof step.body === "string" ? step.body : Buffer.from(step.body),
      signal: options.signal,
      headersTimeout: idleMs,
      bodyTimeout: idleMs,
    });
    return {
      status: statusCode,
      headers: flat(headers),
      url: bare.href,
      body: withErrors(body, fail),
      discard: async () => void (await body.dump({ limit: 16_384 }).catch(() => {})),
    };
  } catch (thrown) {
    const error = fail(thrown);
    if (error.code === "aborted") throw error;
    return error;
  }
}

async function* withErrors(body: AsyncIterable<Uint8Array>, fail: (thrown: unknown) => FledgeError) {
  const chunks = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await chunks.next().catch((thrown) => {
        throw fail(thrown);
      });
      if (next.done === true) return;
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

function dispatcherFor(url: URL, options: HttpOptions): Dispatcher {
  const proxies = proxySettings(options.env);
  // undici sends https through http_proxy when https_proxy is not set; curl and Go do not, nor do they use a proxy
  // for the machine itself.
  const direct = isLoopback(url) || (url.protocol === "https:" ? proxies.https : proxies.http) === undefined;
  const key = JSON.stringify([direct, options.insecure ?? false, options.ca ?? ""]);
  const open = dispatchers.get(options.env) ?? new Map<string, Dispatcher>();
  dispatchers.set(options.env, open);
  const known = open.get(key);
  if (known !== undefined) return known;
  const tls = {
    rejectUnauthorized: options.insecure !== true,
    ...(options.ca === undefined ? {} : { ca: [...rootCertificates, options.ca] }),
  };
  const connect = { ...tls, timeout: CONNECT_TIMEOUT_MS };
  const dispatcher = direct
    ? new Agent({ connect })
    : new EnvHttpProxyAgent({
        // An empty text keeps undici from looking at process.env.
        httpProxy: proxies.http ?? "",
        httpsProxy: proxies.https ?? "",
        noProxy: proxies.none,
        proxyTunnel: false, // plain http goes to the proxy as it is: many refuse CONNECT to port 80
        requestTls: tls,
        proxyTls: connect,
        connect,
      });
  open.set(key, dispatcher);
  return dispatcher;
}
