import { FledgeError } from "../errors.ts";
import { safeUrl } from "./http-errors.ts";
import { isLoopback } from "./proxy.ts";

/** One request of a chain of redirects. */
export type Step = {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: HttpBody | undefined;
};

/** What is sent: in memory, or made anew each time that it is sent. */
export type HttpBody = string | Uint8Array | (() => AsyncIterable<Uint8Array>);

/** The first request; `user:password@` in the URL becomes an Authorization header. Throws a `download` error. */
export function firstStep(text: string, options: Partial<Omit<Step, "url">>): Step {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new FledgeError("download", `"${safeUrl(text)}" is not an http or https URL`, { hint: "check the URL" });
  }
  const headers: Record<string, string> = { "user-agent": "fledge", "accept-encoding": "identity" };
  if (url.username !== "") {
    const pair = `${decoded(url.username)}:${decoded(url.password)}`;
    headers.authorization = `Basic ${Buffer.from(pair).toString("base64")}`;
  }
  for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = value;
  return { method: options.method ?? "GET", url, headers, body: options.body };
}

/** The target of a redirect (RFC 9110, 15.4), or undefined when the answer is none. */
export function redirectTarget(response: { status: number; headers: Step["headers"] }): string | undefined {
  return [301, 302, 303, 307, 308].includes(response.status) ? response.headers.location : undefined;
}

/**
 * The request that follows a redirect. Credentials stay with the origin they were meant for; from https it never goes
 * to http, save to the machine itself. Throws a `download` error.
 */
export function nextStep(step: Step, location: string, status: number): Step {
  const from = `${step.method} ${safeUrl(step.url)}`;
  if (!URL.canParse(location, step.url.href)) {
    throw new FledgeError("download", `${from}: redirects to "${safeUrl(location)}", which is not a URL`);
  }
  const url = new URL(location, step.url);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new FledgeError("download", `${from}: redirects to ${safeUrl(url)}, which is neither http nor https`);
  }
  if (step.url.protocol === "https:" && url.protocol === "http:" && !isLoopback(url)) {
    throw new FledgeError("download", `${from}: redirects from https to ${safeUrl(url)}`, {
      hint: "an unencrypted download can be changed on its way: use a URL that stays on https",
    });
  }
  const toGet = status === 303 ? step.method !== "HEAD" : status < 303 && step.method === "POST";
  const dropped = new Set<string>();
  if (url.origin !== step.url.origin) for (const name of ["authorization", "cookie"]) dropped.add(name);
  if (toGet) for (const name of ["content-type", "content-length"]) dropped.add(name);
  const headers = Object.fromEntries(Object.entries(step.headers).filter(([name]) => !dropped.has(name)));
  return { url, headers, method: toGet ? "GET" : step.method, body: toGet ? undefined : step.body };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a bare % that was meant as one
  }
}
