import type { Env } from "./context.ts";
import { FledgeError } from "./errors.ts";
import { dropSecrets } from "./url.ts";

/** A forward proxy, and the variable that names it. */
export type ForwardProxy = { readonly url: string; readonly variable: string };

/**
 * The proxy for a URL by the variables that curl reads: http_proxy or https_proxy by the URL's scheme, else all_proxy,
 * in either case; none for the hosts of no_proxy. Throws a `config` error for a proxy that is not spoken to over http.
 */
export function proxyFor(url: URL, env: Env): ForwardProxy | undefined {
  const found = lookUp(`${url.protocol.slice(0, -1)}_proxy`, env) ?? lookUp("all_proxy", env);
  if (found === undefined || isExempt(url, lookUp("no_proxy", env)?.value ?? "")) return undefined;
  const { name, value } = found;
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    const message = `${name}: "${dropSecrets(text)}" is not the URL of an http proxy`;
    throw new FledgeError("config", message, { hint: "http://HOST:PORT" });
  }
  return { url: text, variable: name };
}

function lookUp(lower: string, env: Env): { name: string; value: string } | undefined {
  for (const name of [lower, lower.toUpperCase()]) {
    const value = env[name]?.trim();
    if (value) return { name, value };
  }
  return undefined;
}

/** Each entry is a host with all below it, perhaps with a port; `*` is every host. */
function isExempt({ protocol, hostname, port }: URL, noProxy: string): boolean {
  const ownPort = port === "" ? (protocol === "https:" ? "443" : "80") : port;
  return noProxy.split(/[,\s]+/).some((entry) => {
    if (entry === "*") return true;
    const match = /^(?:\*?\.)?(\[[^\]]*\]|[^:]+|[^:]*:.*:.*?)(?::(\d+))?$/.exec(entry.toLowerCase());
    if (match === null || (match[2] !== undefined && match[2] !== ownPort)) return false;
    const host = bare(match[1] ?? "");
    return bare(hostname) === host || hostname.endsWith(`.${host}`);
  });
}

/** An IPv6 address without its brackets. */
function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}
