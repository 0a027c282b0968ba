import type { RunContext } from "../../lib/context.ts";
import { FledgeError, isFledgeError } from "../../lib/errors.ts";
import { openHttp, readBody } from "../../lib/http.ts";
import { parseJson, stringOf } from "../oci/json.ts";
import type { Challenge } from "./challenge.ts";
import { type Credentials, findCredentials } from "./credentials.ts";

/** What a registry is asked for and how it is reached. */
export type AuthTarget = {
  /** As `docker login` knows it, and as errors call it. */
  readonly registry: string;
  readonly repository: string;
  /** `https://host`, where the challenge came from. */
  readonly origin: string;
  readonly tls: { readonly ca?: string; readonly insecure?: boolean };
  readonly patience: Patience;
};

/** How patient to be; the defaults of `openHttp` where left out. */
export type Patience = {
  /** Longest wait for an answer, and between two pieces of one. Milliseconds. */
  readonly idleTimeoutMs?: number;
  /** Wait before the second try; doubles after each. Milliseconds. */
  readonly retryDelayMs?: number;
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
  const credentials = await findCredentials(target.registry, target.repository, ctx.env, ctx.signal);
  const bearer = challenges.find(({ scheme }) => scheme === "bearer");
  if (bearer !== undefined) {
    const token =
      credentials?.kind === "bearer" ? credentials.token : await fetchToken(bearer, credentials, target, ctx);
    return `Bearer ${token}`;
  }
  if (!challenges.some(({ scheme }) => scheme === "basic")) {
    const offered = challenges.map(({ scheme }) => scheme).join(", ");
    throw refused(target, `it offers no way to log in that fledge knows (${offered || "none"})`);
  }
  if (credentials?.kind !== "basic") throw refused(target, "it wants a user name and password");
  return basicHeader(credentials);
}

/** The error for a registry that does not let us in. */
export function refused(target: Pick<AuthTarget, "registry" | "repository">, why: string): FledgeError {
  const host = target.registry === "docker.io" ? "" : ` ${target.registry}`;
  return new FledgeError("download", `${target.registry} refuses access to ${target.repository}: ${why}`, {
    hint: `check the name of the image; if it is private: docker login${host}`,
  });
}

async function fetchToken(
  challenge: Challenge,
  credentials: Credentials | undefined,
  target: AuthTarget,
  ctx: RunContext,
): Promise<string> {
  const realm = realmOf(challenge, target);
  const scope = challenge.params.scope || `repository:${target.repository}:pull`;
  const service = challenge.params.service;
  const response =
    credentials?.kind === "identity"
      ? await post(realm, { scope, service, token: credentials.token }, target, ctx)
      : await get(realm, { scope, service, credentials }, target, ctx);
  if (response.status !== 200) {
    await response.discard();
    const why = credentials === undefined ? "it wants a login" : "its token service does not accept the credentials";
    throw refused(target, why);
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
    throw refused(target, `its token service "${realm?.origin ?? text}" is not https`);
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
