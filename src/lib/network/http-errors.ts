import { STATUS_CODES } from "node:http";
import type { Env } from "../context.ts";
import { errnoOf, FledgeError, messageOf } from "../errors.ts";
import { isExcluded, isLoopback, proxyFor, proxyVariable } from "./proxy.ts";

/** A URL as it may be shown: without `user:password@`, and without the query, where signed URLs keep their secrets. */
export function safeUrl(url: string | URL): string {
  const parsed = typeof url === "string" && URL.canParse(url) ? new URL(url) : url;
  if (typeof parsed === "string") return scrub(parsed).replace(/[?#].*$/s, "");
  return `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
}

/** The error for an answer that is not what was asked for. */
export function statusError(
  method: string,
  url: URL,
  status: number,
  { waitMs, words }: { readonly waitMs?: number | undefined; readonly words?: string | undefined } = {},
): FledgeError {
  const text = STATUS_CODES[status] === undefined ? "" : ` ${STATUS_CODES[status]}`;
  const said = words === undefined ? "" : ` (${words})`;
  const wait = waitMs === undefined ? "" : `; the server asks to wait ${Math.ceil(waitMs / 1000)} s`;
  return new FledgeError("download", `${method} ${safeUrl(url)}: ${status}${text}${said}${wait}`, {
    hint: statusHint(status),
  });
}

/** The error for a connection that could not be made, broke, or stood still. */
export function connectionError(method: string, url: URL, thrown: unknown, env: Env): FledgeError {
  const refused = proxyStatus(thrown);
  if (refused !== undefined) {
    const message = `${method} ${safeUrl(url)}: the proxy answered ${refused}`;
    const hint = refused === 407 ? proxyLoginHint(url, env) : connectionHint("UND_ERR_ABORTED", url, env);
    return new FledgeError("download", message, { hint, cause: thrown });
  }
  const code = codeOf(thrown);
  // Newer Nodes put behind it what to start them with.
  const said = messageOf(innermost(thrown)).replace(/; if the root CA is installed locally, .*$/s, "");
  const what = CONNECTION_TEXTS[code] ?? scrub(said);
  const name = code === "" || what.includes(code) ? "" : ` (${code})`;
  return new FledgeError("download", `${method} ${safeUrl(url)}: ${what}${name}`, {
    hint: connectionHint(code, url, env),
    cause: thrown,
  });
}

/** False for what a second try cannot cure: a certificate that is not trusted, a host that does not exist. */
export function isPassingFailure(thrown: unknown): boolean {
  const code = codeOf(thrown);
  if (code === "ENOTFOUND" || (proxyStatus(thrown) ?? 500) < 500) return false;
  return !isTlsFailure(code) && !code.startsWith("ERR_INVALID") && !code.startsWith("UND_ERR_INVALID");
}

const CONNECTION_TEXTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "the connection was dropped",
  EPIPE: "the connection was dropped",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the host name could not be looked up",
  ENETUNREACH: "the network is unreachable",
  EHOSTUNREACH: "the host is unreachable",
  ETIMEDOUT: "the connection timed out",
  UND_ERR_CONNECT_TIMEOUT: "no connection in time",
  UND_ERR_HEADERS_TIMEOUT: "no answer in time",
  UND_ERR_BODY_TIMEOUT: "the server stopped sending",
  UND_ERR_SOCKET: "the connection was dropped",
};

const UNREACHED = new Set([
  ..."ECONNREFUSED ENOTFOUND EAI_AGAIN ENETUNREACH EHOSTUNREACH ETIMEDOUT".split(" "),
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_ABORTED",
]);

function statusHint(status: number): string {
  if (status === 401 || status === 403) return "the server wants credentials that may read this";
  if (status === 404 || status === 410) return "check the URL";
  if (status === 407) return PROXY_LOGIN;
  if (status === 429) return "it has had enough requests for now: try again later, or log in where that allows more";
  if (status === 408 || status >= 500) return "the server is busy or in trouble: try again later";
  return "check the URL, and what the server expects";
}

const PROXY_LOGIN = "the proxy wants credentials: http_proxy=http://USER:PASSWORD@HOST:PORT";

function proxyLoginHint(url: URL, env: Env): string {
  const hasLogin = new URL(proxyFor(url, env) ?? url).username !== "";
  return hasLogin ? `the proxy does not take the credentials in ${proxyVariable(url)}` : PROXY_LOGIN;
}

function connectionHint(code: string, url: URL, env: Env): string {
  if (isTlsFailure(code)) {
    return env.NODE_EXTRA_CA_CERTS
      ? `no authority in ${env.NODE_EXTRA_CA_CERTS} (NODE_EXTRA_CA_CERTS) has signed its certificate: add the one that did`
      : "if you trust the server, NODE_EXTRA_CA_CERTS=FILE.pem adds its certificate authority";
  }
  if (!UNREACHED.has(code)) return "try again; the server or the network is in trouble";
  const variable = proxyVariable(url);
  const proxy = proxyFor(url, env);
  if (proxy !== undefined) {
    const shown = safeUrl(proxy).replace(/\/$/, "");
    return `the proxy ${shown} is set (${variable}): check it, or add ${url.hostname} to no_proxy`;
  }
  if (isLoopback(url)) return "is the server running?";
  if (isExcluded(url, env)) return "check the host name and the network; it is in no_proxy, so no proxy was asked";
  return `check the host name and the network; behind a proxy, set ${variable}`;
}

function isTlsFailure(code: string): boolean {
  return /^(?:ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH|INVALID_CA)/.test(code);
}

function codeOf(thrown: unknown): string {
  for (let at = thrown; at instanceof Error; at = at.cause) {
    const code = errnoOf(at);
    // "other side closed" is undici's wrapper; a cause below it says more.
    if (code !== undefined && !(code === "UND_ERR_SOCKET" && errnoOf(at.cause) !== undefined)) return code;
  }
  return "";
}

/** The status that a proxy gave instead of a tunnel; undici has it in the text of its errors only. */
function proxyStatus(thrown: unknown): number | undefined {
  const status = /^Proxy .*\((\d{3})\)/.exec(messageOf(innermost(thrown)))?.[1];
  return status === undefined ? undefined : Number(status);
}

function innermost(thrown: unknown): unknown {
  return thrown instanceof Error && thrown.cause instanceof Error ? innermost(thrown.cause) : thrown;
}

function scrub(text: string): string {
  return text.replace(/\/\/[^/@\s]*@/g, "//");
}
