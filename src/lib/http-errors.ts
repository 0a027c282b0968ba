import { errnoOf, FledgeError, messageOf } from "./errors.ts";
import type { ForwardProxy } from "./http-proxy.ts";
import { ProxyRefusal } from "./http-transport.ts";
import { dropSecrets } from "./url.ts";

/** Why no answer came, and whether another attempt may get one. */
export type Unreachable = { readonly error: FledgeError; readonly mayPass: boolean };

/** The error for a request that failed before its answer. */
export function unreachable(url: string, thrown: unknown, proxy: ForwardProxy | undefined): Unreachable {
  const { reason, hint, mayPass } = explain(thrown, proxy);
  const message = `cannot reach ${dropSecrets(url)}: ${reason}`;
  return { error: new FledgeError("download", message, { cause: thrown, hint }), mayPass };
}

/** The error for an answer that is a refusal; `detail` is what the server says about it. */
export function statusError(url: string, status: number, detail: string, retryAfterMs?: number): FledgeError {
  const text = detail === "" ? "" : `: ${detail}`;
  const hint =
    retryAfterMs === undefined
      ? (STATUS_HINTS[status] ?? (status >= 500 ? "the server is in trouble; try again later" : undefined))
      : `it asks to be left alone for ${Math.ceil(retryAfterMs / 1000)} seconds`;
  return new FledgeError("download", `${dropSecrets(url)} answered ${status}${text}`, { hint });
}

const STATUS_HINTS: Readonly<Record<number, string>> = {
  401: "are the credentials right?",
  403: "may these credentials read it?",
  404: "check the URL; there is nothing at it",
  429: "the server limits requests; wait a while, or log in",
};

type Explanation = { readonly reason: string; readonly hint: string | undefined; readonly mayPass: boolean };

function explain(thrown: unknown, proxy: ForwardProxy | undefined): Explanation {
  const code = errnoOf(thrown) ?? "";
  const text = messageOf(thrown);
  if (proxy !== undefined) {
    const where = dropSecrets(proxy.url).replace(/\/$/, "");
    if (thrown instanceof ProxyRefusal) {
      return { reason: `the proxy ${where} answered ${thrown.status}`, ...proxyHint(thrown.status, proxy) };
    }
    if (!isCertificateError(code)) {
      const hint = `is the proxy ${where} the right one? (${proxy.variable})`;
      return { reason: reasonOf(thrown), hint, mayPass: true };
    }
  }
  if (isCertificateError(code)) {
    const hint = "if it is your own server's, name its certificate in NODE_EXTRA_CA_CERTS";
    return { reason: `its certificate is not trusted (${text})`, hint, mayPass: false };
  }
  return { reason: reasonOf(thrown), hint: REASONS[code]?.[1], mayPass: true };
}

/** What went wrong with a connection, for people. */
export function reasonOf(thrown: unknown): string {
  const code = errnoOf(thrown) ?? "";
  return REASONS[code]?.[0] ?? (code.startsWith("HPE_") ? "the answer is not HTTP" : messageOf(thrown) || code);
}

function proxyHint(status: number, { variable }: ForwardProxy): Pick<Explanation, "hint" | "mayPass"> {
  return status === 407
    ? { hint: "it wants other credentials: http://USER:PASSWORD@HOST:PORT", mayPass: false }
    : { hint: `is it the right one? (${variable})`, mayPass: status >= 500 };
}

const NO_SUCH_HOST = "is the host's name right, and is there a network? (proxies: set https_proxy)";

/** By errno. The error of a host that has several addresses has a code, but no message of its own. */
const REASONS: Readonly<Record<string, readonly [reason: string, hint?: string]>> = {
  ECONNREFUSED: ["connection refused", "nothing listens there; check host and port"],
  ECONNRESET: ["the connection was closed"],
  EHOSTUNREACH: ["there is no route to the host"],
  ENETUNREACH: ["there is no route to its network"],
  ETIMEDOUT: ["no answer in time"],
  ENOTFOUND: ["the host was not found", NO_SUCH_HOST],
  EAI_AGAIN: ["the name of the host could not be looked up", NO_SUCH_HOST],
};

function isCertificateError(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH/.test(code);
}
