import type { RunContext } from "../lib/context.ts";
import { FledgeError, isFledgeError } from "../lib/errors.ts";
import { maskFor } from "../lib/mask.ts";
import { type HttpResponse, openHttp, readBody } from "../lib/network/http.ts";
import { shortened } from "../lib/shortened.ts";
import type { Challenge } from "./challenge.ts";
import type { Credentials } from "./credential-helper.ts";
import type { Login } from "./credentials.ts";
import { parseJson, stringOf } from "./json.ts";
import { readWords, type Words } from "./words.ts";

/** What a registry is asked for and how it is reached. */
export type AuthTarget = {
  /** As `docker login` knows it, and as errors call it. */
  readonly registry: string;
  readonly repository: string;
  /** Other repositories that are read on the way. */
  readonly alsoPull: readonly string[];
  /** `https://host`, where the challenge came from. */
  readonly origin: string;
  readonly tls: { readonly ca?: string; readonly insecure?: boolean };
  readonly patience: Patience;
  readonly login: Login;
};

/** How patient to be; the defaults of `openHttp` where left out. */
export type Patience = {
  /** Longest wait for an answer, and between two pieces of one. Milliseconds. */
  readonly idleTimeoutMs?: number;
  /** Wait before the second try; doubles after each. Milliseconds. */
  readonly retryDelayMs?: number;
  /** The slowest that a body may come. */
  readonly minBytesPerSecond?: number | undefined;
  /** Longest wait for a credential helper. Milliseconds. */
  readonly helperTimeoutMs?: number;
};

const MAX_TOKEN_BYTES = 1024 * 1024;

/**
 * The `Authorization` header that answers a 401: Basic, or the token of the service that a Bearer challenge names
 * (distribution, "Token Authentication Specification"). Throws a `download` error that says how to log in when there are
 * no credentials or they are refused.
 */
export async function authorize(
  challenges: readonly Challenge[],
  target: AuthTarget,
  ctx: RunContext,
): Promise<string> {
  const { credentials } = target.login;
  const bearer = challenges.find(({ scheme }) => scheme === "bearer");
  if (bearer !== undefined) {
    const token =
      credentials?.kind === "bearer" ? credentials.token : await fetchToken(bearer, credentials, target, ctx);
    return `Bearer ${token}`;
  }
  if (!challenges.some(({ scheme }) => scheme === "basic")) {
    const offered = challenges.map(({ scheme }) => scheme).join(", ");
    throw refused(target, `it offers no way to log in that fledge knows (${shortened(offered) || "none"})`);
  }
  if (credentials?.kind !== "basic") throw refused(target, "it wants a user name and password");
  return basicHeader(credentials);
}

/** The error for a registry that does not let us in: in its words, and with whose credentials it was tried. */
export function refused(target: AuthTarget, why: string, words?: Words): FledgeError {
  const { registry, repository, login } = target;
  const text = words && maskedWords(login, words);
  const said = text === undefined ? "" : ` (${text})`;
  const command = `docker login${registry === "docker.io" ? "" : ` ${registry}`}`;
  const shown =
    login.from !== undefined && `it was shown ${login.from}: log in again with ${command} if they are not right`;
  return new FledgeError("download", `${registry} refuses access to ${repository}: ${why}${said}`, {
    hint: `check the name of the image; ${shown || `if it is private: ${command}`}`,
    problems: login.problems,
  });
}

/** What a server says, which may repeat what it was shown. */
export function maskedWords({ credentials }: Login, { text }: Words): string | undefined {
  if (credentials === undefined || text === undefined) return text;
  return maskFor([credentials.kind === "basic" ? credentials.password : credentials.token])(text);
}

async function fetchToken(
  challenge: Challenge,
  credentials: Credentials | undefined,
  target: AuthTarget,
  ctx: RunContext,
): Promise<string> {
  const realm = realmOf(challenge, target);
  const asked = challenge.params.scope || `repository:${target.repository}:pull`;
  const scope = [asked, ...target.alsoPull.map((name) => `repository:${name}:pull`)].join(" ");
  const service = challenge.params.service;
  const response =
    credentials?.kind === "identity"
      ? await post(realm, { scope, service, token: credentials.token }, target, ctx)
      : await get(realm, { scope, service, credentials }, target, ctx);
  if (response.status !== 200) {
    const words = await readWords(response);
    const why = credentials === undefined ? "it wants a login" : "its token service does not accept the credentials";
    throw refused(target, why, words);
  }
  const label = `the token service of ${target.registry}`;
  const answer = parseSecret(await readBody(response, MAX_TOKEN_BYTES), label);
  const token = stringOf(answer.token) || stringOf(answer.access_token);
  if (!token) throw new FledgeError("download", `${label} sent no token`);
  return token;
}

/** A registry over TLS may not have the credentials sent in the clear. */
function realmOf(challenge: Challenge, target: AuthTarget): URL {
  const text = challenge.params.realm ?? "";
  const realm = URL.canParse(text) ? new URL(text) : undefined;
  const isSafe = realm?.protocol === "https:" || (realm?.protocol === "http:" && target.origin.startsWith("http:"));
  if (realm === undefined || !isSafe)
    throw refused(target, `its token service "${shortened(realm?.origin ?? text)}" is not https`);
  return realm;
}

type TokenRequest = { readonly scope: string; readonly service: string | undefined };

function get(
  realm: URL,
  { scope, service, credentials }: TokenRequest & { readonly credentials: Credentials | undefined },
  target: AuthTarget,
  ctx: RunContext,
) {
  const url = new URL(realm);
  if (service) url.searchParams.set("service", service);
  for (const one of scope.split(" ")) url.searchParams.append("scope", one);
  const isBasic = credentials?.kind === "basic";
  if (isBasic) url.searchParams.set("account", credentials.username);
  return openHttp(url.href, {
    ...common(realm, target, ctx),
    ...(isBasic && { headers: { authorization: basicHeader(credentials) } }),
  });
}

/** distribution, "Oauth2 Token Authentication": what an identity token is for. */
function post(
  realm: URL,
  { scope, service, token }: TokenRequest & { readonly token: string },
  target: AuthTarget,
  ctx: RunContext,
) {
  const form = new URLSearchParams({ grant_type: "refresh_token", client_id: "fledge", scope, refresh_token: token });
  if (service) form.set("service", service);
  return openHttp(realm.href, {
    ...common(realm, target, ctx),
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: form.toString(),
    tries: 3, // Asking twice for a token does no harm.
  });
}

function common(realm: URL, target: AuthTarget, ctx: RunContext) {
  const { ca, insecure } = target.tls;
  return {
    signal: ctx.signal,
    env: ctx.env,
    allowStatus: [400, 401, 403, 404, 405],
    log: ctx.log,
    ...target.patience,
    wordsOf: async (answer: HttpResponse) => maskedWords(target.login, await readWords(answer)),
    ...(ca !== undefined && { ca }),
    // To trust any certificate was said of the registry, not of another host.
    ...(insecure && realm.hostname === new URL(target.origin).hostname && { insecure }),
  };
}

function basicHeader({ username, password }: Extract<Credentials, { kind: "basic" }>): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** JSON.parse quotes what it cannot read, and that may be a token. */
function parseSecret(bytes: Uint8Array, label: string) {
  try {
    return parseJson(bytes, label);
  } catch (error) {
    throw new FledgeError("download", isFledgeError(error) ? error.message : `${label} sent no JSON`);
  }
}
