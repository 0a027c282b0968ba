import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Env } from "../lib/context.ts";
import { assertNever, errnoOf, FledgeError, isFledgeError, type Problem, withHint } from "../lib/errors.ts";
import { shortened } from "../lib/shortened.ts";
import { askHelper, type Credentials } from "./credential-helper.ts";
import { type JsonObject, objectOf, parseJson, stringOf } from "./json.ts";

const DOCKER_HUB_KEYS = ["https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io"];

/** What there is to log in with. */
export type Login = {
  readonly credentials?: Credentials;
  /** Whose they are and where they came from, for people. */
  readonly from?: string;
  /** Files and helpers that could not be used. What anybody may fetch needs none of them. */
  readonly problems: readonly Problem[];
};

type LoginOptions = {
  readonly env: Env;
  readonly signal: AbortSignal;
  /** Longest wait for a credential helper; default a minute. */
  readonly helperTimeoutMs?: number | undefined;
};

/**
 * The credentials for a repository that `docker login`, `podman login` or a credential helper left. Files are asked in the
 * order of containers-auth.json(5): the most explicit first, Docker's last, and the first that knows the registry decides.
 * What cannot be used is passed by and told; never with a secret in it.
 */
export async function findLogin(registry: string, repository: string, options: LoginOptions): Promise<Login> {
  const problems: Problem[] = [];
  for (const path of new Set(authFiles(options.env))) {
    try {
      const file = await readAuthFile(path);
      const found = file && (await credentialsIn(file, { registry, repository, path, ...options }));
      if (found !== undefined) return { ...found, problems };
    } catch (error) {
      if (!isFledgeError(error) || error.code === "aborted") throw error;
      const { message, hint } = error;
      problems.push({ message, ...(hint !== undefined && { hint }) });
    }
  }
  return { problems };
}

function authFiles(env: Env): string[] {
  const home = env.HOME;
  const configHome = env.XDG_CONFIG_HOME || (home && join(home, ".config"));
  const dockerHome = env.DOCKER_CONFIG || (home && join(home, ".docker"));
  const docker = dockerHome && join(dockerHome, "config.json");
  return [
    env.REGISTRY_AUTH_FILE,
    env.DOCKER_CONFIG && docker,
    env.XDG_RUNTIME_DIR && join(env.XDG_RUNTIME_DIR, "containers/auth.json"),
    configHome && join(configHome, "containers/auth.json"),
    docker,
  ].filter((path): path is string => Boolean(path));
}

async function readAuthFile(path: string): Promise<JsonObject | undefined> {
  let why = "it is not a JSON object";
  try {
    return parseJson(await readFile(path), path);
  } catch (error) {
    const errno = isFledgeError(error) ? undefined : errnoOf(error);
    // A file of another user in a shared runtime folder is as good as none; one that is broken is not.
    if (errno === "ENOENT" || errno === "ENOTDIR" || errno === "EACCES") return undefined;
    if (errno !== undefined) why = errno;
  }
  // No cause: it would quote the document.
  throw new FledgeError("source", `the registry credentials in ${path} cannot be read: ${why}`, {
    hint: "log in again with docker login, or remove the file",
  });
}

type Scope = LoginOptions & {
  readonly registry: string;
  readonly repository: string;
  readonly path: string;
};

type Found = Required<Pick<Login, "credentials" | "from">>;

async function credentialsIn(file: JsonObject, scope: Scope): Promise<Found | undefined> {
  const keys = keysOf(scope.registry);
  const helpers = objectOf(file.credHelpers) ?? {};
  for (const key of keys) {
    if (helpers[key]) return fromHelper(helpers[key], `credHelpers["${key}"]`, scope);
  }
  const own = fromAuths(objectOf(file.auths) ?? {}, keys, scope);
  if (own !== undefined) return own;
  return file.credsStore ? fromHelper(file.credsStore, "credsStore", scope) : undefined;
}

async function fromHelper(name: unknown, key: string, scope: Scope): Promise<Found | undefined> {
  const { path, registry, env, signal, helperTimeoutMs } = scope;
  if (typeof name !== "string" || !/^[\w.-]+$/.test(name)) {
    throw new FledgeError("source", `${key} in ${path} is not the name of a credential helper`, {
      hint: `write the part after docker-credential-, or remove ${key}`,
    });
  }
  try {
    const credentials = await askHelper(name, serverOf(registry), { env, signal, timeoutMs: helperTimeoutMs });
    return (
      credentials && { credentials, from: `${whose(credentials)} of docker-credential-${name} (${key} in ${path})` }
    );
  } catch (error) {
    throw isFledgeError(error) ? withHint(error, `${key} in ${path} names it: remove it to do without`) : error;
  }
}

function fromAuths(auths: JsonObject, keys: readonly string[], scope: Scope): Found | undefined {
  // The most specific key wins: containers-auth.json knows `registry/namespace` too.
  const parts = scope.repository.split("/");
  const namespaces = parts.map((_, i) => `${scope.registry}/${parts.slice(0, parts.length - i).join("/")}`);
  const byKey = new Map(Object.entries(auths).map(([key, value]) => [key, objectOf(value)]));
  const byHost = new Map([...byKey].map(([key, value]) => [hostOfKey(key), value]));
  for (const key of [...namespaces, ...keys]) {
    const entry = byKey.get(key) ?? (namespaces.includes(key) ? undefined : byHost.get(key));
    const found = entry && credentialsOf(entry);
    if (found !== undefined) return { credentials: found, from: `${whose(found)} in ${scope.path}` };
    if (entry?.auth) {
      throw new FledgeError(
        "source",
        `the entry for ${shortened(key)} in ${scope.path} holds no user name and password`,
        {
          hint: `log in again: docker login ${scope.registry}`,
        },
      );
    }
  }
  return undefined;
}

function whose(credentials: Credentials): string {
  switch (credentials.kind) {
    case "basic":
      return `the credentials of "${shortened(credentials.username, 100)}"`;
    case "identity":
      return "the identity token";
    case "bearer":
      return "the registry token";
    default:
      return assertNever(credentials);
  }
}

function credentialsOf(entry: JsonObject): Credentials | undefined {
  const identity = stringOf(entry.identitytoken);
  if (identity) return { kind: "identity", token: identity };
  const bearer = stringOf(entry.registrytoken);
  if (bearer) return { kind: "bearer", token: bearer };
  // Docker pads with NULs what it read from a terminal.
  const decoded = Buffer.from(stringOf(entry.auth) ?? "", "base64")
    .toString("utf8")
    .replace(/\0+$/, "");
  const colon = decoded.indexOf(":");
  const username = colon > 0 ? decoded.slice(0, colon) : stringOf(entry.username);
  const password = colon > 0 ? decoded.slice(colon + 1) : stringOf(entry.password);
  return username && password !== undefined ? { kind: "basic", username, password } : undefined;
}

function keysOf(registry: string): readonly string[] {
  return registry === "docker.io" ? DOCKER_HUB_KEYS : [registry];
}

function serverOf(registry: string): string {
  return registry === "docker.io" ? "https://index.docker.io/v1/" : registry;
}

/** `https://host/v1/` is how old versions of Docker wrote `host`. */
function hostOfKey(key: string): string {
  return key.replace(/^https?:\/\//, "").replace(/\/(?:v[12]\/?)?$/, "");
}
