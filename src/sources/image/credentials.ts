import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Env } from "../../lib/context.ts";
import { errnoOf, FledgeError } from "../../lib/errors.ts";
import { type JsonObject, objectOf, parseJson, stringOf } from "../oci/json.ts";
import { askHelper } from "./credential-helper.ts";

/** What a registry's token service or the registry itself is shown. An identity token stands for name and password. */
export type Credentials =
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  | { readonly kind: "identity"; readonly token: string }
  | { readonly kind: "bearer"; readonly token: string };

const DOCKER_HUB_KEYS = ["https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io"];

/**
 * The credentials for a repository that `docker login`, `podman login` or a credential helper left, or undefined. Files
 * are asked in the order of containers-auth.json(5): the most explicit first, Docker's last, and the first that knows the
 * registry decides. Throws a `source` error for a file or helper that cannot be used; never with a secret in it.
 */
export async function findCredentials(
  registry: string,
  repository: string,
  env: Env,
  signal: AbortSignal,
): Promise<Credentials | undefined> {
  for (const path of authFiles(env)) {
    const file = await readAuthFile(path);
    if (file === undefined) continue;
    const found = await credentialsIn(file, { registry, repository, path, env, signal });
    if (found !== undefined) return found;
  }
  return undefined;
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
  try {
    return parseJson(await readFile(path), path);
  } catch (error) {
    const errno = errnoOf(error);
    // A file of another user in a shared runtime folder is as good as none; one that is broken is not.
    if (errno === "ENOENT" || errno === "ENOTDIR" || errno === "EACCES") return undefined;
    // The cause would quote the document.
    throw new FledgeError("source", `the registry credentials in ${path} cannot be read: it is not a JSON object`, {
      hint: "log in again with docker login, or remove the file",
    });
  }
}

type Scope = {
  readonly registry: string;
  readonly repository: string;
  readonly path: string;
  readonly env: Env;
  readonly signal: AbortSignal;
};

async function credentialsIn(file: JsonObject, scope: Scope): Promise<Credentials | undefined> {
  const keys = keysOf(scope.registry);
  const helpers = objectOf(file.credHelpers) ?? {};
  for (const key of keys) {
    const helper = stringOf(helpers[key]);
    if (helper) return askHelper(helper, serverOf(scope.registry), scope.env, scope.signal);
  }
  const own = fromAuths(objectOf(file.auths) ?? {}, keys, scope);
  if (own !== undefined) return own;
  const store = stringOf(file.credsStore);
  return store ? askHelper(store, serverOf(scope.registry), scope.env, scope.signal) : undefined;
}

function fromAuths(auths: JsonObject, keys: readonly string[], scope: Scope): Credentials | undefined {
  // The most specific key wins: containers-auth.json knows `registry/namespace` too.
  const parts = scope.repository.split("/");
  const namespaces = parts.map((_, i) => `${scope.registry}/${parts.slice(0, parts.length - i).join("/")}`);
  const byKey = new Map(Object.entries(auths).map(([key, value]) => [key, objectOf(value)]));
  const byHost = new Map([...byKey].map(([key, value]) => [hostOfKey(key), value]));
  for (const key of [...namespaces, ...keys]) {
    const entry = byKey.get(key) ?? (namespaces.includes(key) ? undefined : byHost.get(key));
    const found = entry && credentialsOf(entry);
    if (found !== undefined) return found;
  }
  return undefined;
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
