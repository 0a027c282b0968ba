import type { Env } from "./context.ts";
import { FledgeError } from "./errors.ts";

/** The proxies that the environment asks for; the lower-case name wins, as in curl. */
export type ProxySettings = {
  readonly http: string | undefined;
  readonly https: string | undefined;
  /** The comma-separated list as it was written. */
  readonly none: string;
};

/** Reads http_proxy, https_proxy and no_proxy in both cases. Throws a `usage` error for a value that is no URL. */
export function proxySettings(env: Env): ProxySettings {
  return {
    http: proxyUrl("http_proxy", env),
    https: proxyUrl("https_proxy", env),
    none: env.no_proxy ?? env.NO_PROXY ?? "",
  };
}

/** The proxy variable that decides about this URL, set or not. */
export function proxyVariable(url: URL): "http_proxy" | "https_proxy" {
  return url.protocol === "https:" ? "https_proxy" : "http_proxy";
}

/** The machine itself: 127.0.0.0/8, ::1, localhost and names below it (RFC 6761, 6.3). Never reached through a proxy. */
export function isLoopback(url: URL): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  return host === "localhost" || host.endsWith(".localhost") || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function proxyUrl(name: "http_proxy" | "https_proxy", env: Env): string | undefined {
  const text = env[name] ?? env[name.toUpperCase()];
  if (text === undefined || text.trim() === "") return undefined;
  // curl and the Go programs take a bare host:port for an HTTP proxy.
  const full = text.includes("://") ? text.trim() : `http://${text.trim()}`;
  if (!URL.canParse(full)) {
    // The value may hold a password, so it is not repeated.
    throw new FledgeError("usage", `the value of ${name} is not a URL`, {
      hint: `write it like ${name}=http://proxy.example:3128`,
    });
  }
  return full;
}
