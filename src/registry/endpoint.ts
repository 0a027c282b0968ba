import { readFile } from "node:fs/promises";
import type { RunContext } from "../lib/context.ts";
import { errnoOf, FledgeError, isFledgeError, messageOf } from "../lib/errors.ts";
import { type HttpOptions, type HttpResponse, openHttp } from "../lib/network/http.ts";
import { isLoopback } from "../lib/network/proxy.ts";
import { type AuthTarget, authorize, maskedWords, type Patience, refused } from "./auth.ts";
import { parseChallenges } from "./challenge.ts";
import { findLogin, type Login } from "./credentials.ts";
import type { RegistriesOptions } from "./options.ts";
import { readWords, type Words } from "./words.ts";

/** Where a repository is asked for: the registry itself, or a mirror of it. */
export type Place = {
  /** `docker.io`, `mirror:5000`: the key of its options and credentials. */
  readonly host: string;
  /** Given for a mirror that was written with `http://` or `https://`. */
  readonly scheme?: "http" | "https";
  readonly repository: string;
  /** How often a request is sent before this place is given up; the default of `openHttp` when left out. */
  readonly tries?: number;
};

export type EndpointOptions = { readonly registries: RegistriesOptions; readonly patience: Patience };

/** What is sent; `tries` as in `openHttp`. */
export type EndpointRequest = Pick<HttpOptions, "method" | "body" | "tries"> & {
  readonly headers: Readonly<Record<string, string>>;
  readonly allowStatus?: readonly number[];
};

type Reached = { readonly origin: string; readonly tls: { readonly ca?: string; readonly insecure?: boolean } };

const DOCKER_HUB = "registry-1.docker.io";

/** One repository at one place: finds out how it is reached, and shows the credentials that it asks for. */
export class Endpoint {
  readonly place: Place;
  readonly #options: EndpointOptions;
  readonly #ctx: RunContext;
  #reached: Promise<Reached> | undefined;
  #authorization: Promise<string> | undefined;
  #login: Promise<Login> | undefined;
  readonly #alsoPull = new Set<string>();

  constructor(place: Place, options: EndpointOptions, ctx: RunContext) {
    this.place = place;
    this.#options = options;
    this.#ctx = ctx;
  }

  /** `GET /v2/REPOSITORY/PATH`; answers with 2xx or one of `allowStatus`. Throws a `download` error for all else. */
  get(
    path: string,
    headers: Readonly<Record<string, string>>,
    allowStatus: readonly number[] = [],
  ): Promise<HttpResponse> {
    return this.send(path, { headers, allowStatus });
  }

  /** A request below `/v2/REPOSITORY/`, or to a URL that the registry has named; see `get`. */
  async send(path: string | URL, { headers, allowStatus = [], ...request }: EndpointRequest): Promise<HttpResponse> {
    this.#reached ??= this.#reach();
    const reached = await this.#reached;
    const url = path instanceof URL ? path : new URL(`${reached.origin}/v2/${this.place.repository}/${path}`);
    for (let round = 0; ; round++) {
      // What the registry names may be another host's: it gets no credentials.
      const shown = url.origin === reached.origin ? this.#authorization : undefined;
      const authorization = await shown;
      const response = await openHttp(url.href, {
        ...this.#common(reached),
        ...request,
        headers: { ...headers, ...(authorization !== undefined && { authorization }) },
        allowStatus: [401, 403, ...allowStatus],
      });
      const { status } = response;
      if (status !== 401 && status !== 403) return response;
      const words = await readWords(response);
      const isOwn = new URL(response.url).origin === reached.origin;
      // Once without credentials, once with, and once more when the token had run out, or was for less.
      if (status === 403 || !isOwn || round >= 2) {
        const login = shown === undefined ? NOBODY : await this.#findLogin();
        throw refused(this.#target(reached, login), `it answers ${status}`, words);
      }
      if (this.#authorization === shown) this.#authorization = this.#authorize(response, reached);
    }
  }

  /** From now on asks for leave to read another repository too, as a mount needs it. */
  alsoPull(repository: string): void {
    if (this.#alsoPull.has(repository)) return;
    this.#alsoPull.add(repository);
    this.#authorization = undefined;
  }

  /** What a registry says in an answer. */
  async words(response: HttpResponse): Promise<Words> {
    const words = await readWords(response);
    return { ...words, text: maskedWords((await this.#login) ?? NOBODY, words) };
  }

  #authorize(response: HttpResponse, reached: Reached): Promise<string> {
    const challenges = parseChallenges(response.headers["www-authenticate"]);
    const promise = this.#findLogin().then((login) => authorize(challenges, this.#target(reached, login), this.#ctx));
    // Whoever comes next asks anew instead of failing for ever.
    promise.catch(() => {
      if (this.#authorization === promise) this.#authorization = undefined;
    });
    return promise;
  }

  /** Once: a helper may ask its user. What cannot be used is no harm to what anybody may fetch. */
  #findLogin(): Promise<Login> {
    const { env, signal, warn } = this.#ctx;
    const { host, repository } = this.place;
    const { helperTimeoutMs } = this.#options.patience;
    this.#login ??= findLogin(host, repository, { env, signal, helperTimeoutMs }).then((login) => {
      const without = login.credentials === undefined ? "; going on without a login" : "";
      for (const { message, hint } of login.problems) warn({ message: `${message}${without}`, ...(hint && { hint }) });
      return login;
    });
    return this.#login;
  }

  #target(reached: Reached, login: Login): AuthTarget {
    const { host, repository } = this.place;
    const alsoPull = [...this.#alsoPull];
    return { registry: host, repository, alsoPull, patience: this.#options.patience, login, ...reached };
  }

  /** TLS where it is spoken. Plain HTTP only on the machine itself or when the config says `insecure`. */
  async #reach(): Promise<Reached> {
    const { host, scheme } = this.place;
    const { insecure = false, ca: caFile } = this.#options.registries[host] ?? {};
    const ca = caFile === undefined ? undefined : await readCa(caFile, host);
    const tls = { ...(ca !== undefined && { ca }), ...(insecure && { insecure }) };
    const name = host === "docker.io" ? DOCKER_HUB : host;
    const https = { origin: `https://${name}`, tls };
    const http = { origin: `http://${name}`, tls };
    if (scheme !== undefined) return scheme === "http" ? http : https;
    if (!insecure && !isLoopback(new URL(https.origin))) return https;
    try {
      const response = await openHttp(`${https.origin}/v2/`, { ...this.#common(https), allowStatus: ANY, tries: 1 });
      await response.discard();
      return https;
    } catch (error) {
      // A certificate that does not convince is no reason to give up TLS.
      if (!isFledgeError(error) || error.code === "aborted" || isCertificateError(error)) throw error;
      return http;
    }
  }

  #common({ tls }: Reached) {
    const { tries } = this.place;
    return {
      signal: this.#ctx.signal,
      env: this.#ctx.env,
      log: this.#ctx.log,
      ...this.#options.patience,
      ...(tries !== undefined && { tries }),
      wordsOf: async (response: HttpResponse) => (await this.words(response)).text,
      ...tls,
    };
  }
}

const NOBODY: Login = { problems: [] };

const ANY = [400, 401, 403, 404, 405, 408, 429, 500, 502, 503, 504];

function isCertificateError(error: FledgeError): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (/^(?:CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_TLS_CERT|HOSTNAME_MISMATCH)/.test(errnoOf(at) ?? ""))
      return true;
  }
  return false;
}

async function readCa(path: string, host: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new FledgeError("config", `cannot read ${path}: ${errnoOf(cause) ?? messageOf(cause)}`, {
      hint: `it is registries["${host}"].ca, a PEM file`,
      cause,
    });
  }
}
