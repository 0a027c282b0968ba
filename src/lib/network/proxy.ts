import { BlockList, isIP, isIPv6 } from "node:net";
import type { Env } from "../context.ts";
import { FledgeError } from "../errors.ts";

/** The proxy variable that decides about this URL, set or not. */
export function proxyVariable(url: URL): "http_proxy" | "https_proxy" {
  return url.protocol === "https:" ? "https_proxy" : "http_proxy";
}

/**
 * The proxy that a URL is reached through; undefined where the environment names none, for what no_proxy lists, and for the
 * machine itself. Names of variables in lower case win, as in curl. Throws a `usage` error for a value that is no URL, or
 * of a scheme that fledge does not speak.
 */
export function proxyFor(url: URL, env: Env): string | undefined {
  if (isLoopback(url) || isExcluded(url, env)) return undefined;
  const name = proxyVariable(url);
  const text = (env[name] ?? env[name.toUpperCase()] ?? "").trim();
  if (text === "") return undefined;
  // curl and the Go programs take a bare host:port for an HTTP proxy.
  const full = text.includes("://") ? text : `http://${text}`;
  if (!URL.canParse(full)) {
    // The value may hold a password, so it is not repeated.
    throw new FledgeError("usage", `the value of ${name} is not a URL`, {
      hint: `write it like ${name}=http://proxy.example:3128`,
    });
  }
  const { protocol } = new URL(full);
  if (protocol !== "http:" && protocol !== "https:") {
    throw new FledgeError(
      "usage",
      `${name} names a proxy of the scheme ${protocol.slice(0, -1)}, which fledge does not speak`,
      {
        hint: `name an HTTP proxy, ${name}=http://HOST:PORT, or add ${url.hostname} to no_proxy`,
      },
    );
  }
  return full;
}

/** Whether no_proxy lists a URL, and not the variable that it is in alone. */
export function isExcluded(url: URL, { no_proxy: lower, NO_PROXY: upper }: Env): boolean {
  const host = plainHost(url.hostname);
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return (lower ?? upper ?? "").split(/[\s,]+/).some((entry) => entry !== "" && covers(entry, host, port));
}

/** The machine itself: 127.0.0.0/8, ::1, localhost and names below it (RFC 6761, 6.3). Never reached through a proxy. */
export function isLoopback(url: URL): boolean {
  const host = plainHost(url.hostname);
  return host === "localhost" || host.endsWith(".localhost") || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** An entry of no_proxy: `*`, a name that stands for those below it too, an address or a range; a port may follow. */
function covers(entry: string, host: string, port: string): boolean {
  if (entry === "*") return true;
  const range = /^\[?([0-9a-f:.]+)\]?\/(\d{1,3})\]?$/i.exec(entry);
  if (range !== null) return isIn(host, range[1] ?? "", Number(range[2]));
  const [, inBrackets, plain = "", only] =
    /^(?:\[(.*)\]|(.*?))(?::(\d+))?$/.exec(isIPv6(entry) ? `[${entry}]` : entry) ?? [];
  if (only !== undefined && only !== port) return false;
  const name = plainHost(inBrackets ?? canonical(plain.replace(/^\*?\./, "")));
  if (isIP(name) !== 0) return isIn(host, name, isIPv6(name) ? 128 : 32);
  return name !== "" && isIP(host) === 0 && (host === name || host.endsWith(`.${name}`));
}

/** Whether an address is in a range; ::ffff:10.0.0.1 is 10.0.0.1. */
function isIn(host: string, address: string, bits: number): boolean {
  if (isIP(host) === 0 || isIP(address) === 0) return false;
  const list = new BlockList();
  try {
    list.addSubnet(address, bits, familyOf(address));
  } catch {
    return false; // more bits than it has
  }
  return list.check(host, familyOf(host));
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIPv6(address) ? "ipv6" : "ipv4";
}

/** As URLs have it: names of other scripts in ASCII, addresses in full. */
function canonical(host: string): string {
  return URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : host;
}

function plainHost(hostname: string): string {
  return hostname
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
}
