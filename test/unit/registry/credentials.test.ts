import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Credentials } from "../../../src/registry/credential-helper.ts";
import { findLogin, type Login } from "../../../src/registry/credentials.ts";
import { tempDir } from "../../helpers/temp.ts";

const SECRET = "s3cret-of-the-test";
const auth = Buffer.from(`user:${SECRET}`).toString("base64");
const basic = { kind: "basic", username: "user", password: SECRET };
const signal = new AbortController().signal;

const login = (registry: string, repository: string, env: Record<string, string>): Promise<Login> =>
  findLogin(registry, repository, { env, signal, helperTimeoutMs: 10_000 });

/** Where nothing is wrong. */
async function findCredentials(...args: Parameters<typeof login>): Promise<Credentials | undefined> {
  const { credentials, problems } = await login(...args);
  expect(problems).toEqual([]);
  return credentials;
}

function dockerConfig(document: unknown): { HOME: string; PATH: string } {
  const home = tempDir();
  mkdirSync(join(home, ".docker"));
  writeFileSync(join(home, ".docker/config.json"), typeof document === "string" ? document : JSON.stringify(document));
  return { HOME: home, PATH: join(home, "bin") };
}

function helper(env: { HOME: string }, name: string, script: string): void {
  mkdirSync(join(env.HOME, "bin"), { recursive: true });
  const path = join(env.HOME, "bin", `docker-credential-${name}`);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

describe("findCredentials in auths", () => {
  it.each([
    ["r.example.com", "r.example.com"],
    ["localhost:5000", "localhost:5000"],
    ["r.example.com", "https://r.example.com"],
    ["r.example.com", "https://r.example.com/v1/"],
    ["r.example.com", "http://r.example.com/v2/"],
    ["r.example.com", "r.example.com/team"],
    ["r.example.com", "r.example.com/team/app"],
    ["docker.io", "https://index.docker.io/v1/"],
    ["docker.io", "docker.io"],
  ])("for %s under the key %s", async (registry, key) => {
    const env = dockerConfig({ auths: { [key]: { auth } } });
    expect(await findCredentials(registry, "team/app", env)).toEqual(basic);
  });

  it.each([
    ["example.com", "r.example.com"],
    ["r.example.com", "r.example.com/other"],
    ["r.example.com", "r.example.com/tea"],
    ["r.example.com", "r.example.com:5000"],
    ["r.example.com", "https://r.example.com.evil.org/v1/"],
  ])("not for %s under the key %s", async (registry, key) => {
    const env = dockerConfig({ auths: { [key]: { auth } } });
    expect(await findCredentials(registry, "team/app", env)).toBeUndefined();
  });

  it("prefers the most specific key", async () => {
    const team = Buffer.from("team:x").toString("base64");
    const env = dockerConfig({ auths: { "r.example.com": { auth }, "r.example.com/team": { auth: team } } });
    expect(await findCredentials("r.example.com", "team/app", env)).toMatchObject({ username: "team" });
    expect(await findCredentials("r.example.com", "other", env)).toEqual(basic);
  });

  it("knows identity and registry tokens, colons in passwords and entries that say nothing", async () => {
    const env = dockerConfig({
      auths: {
        a: { auth, identitytoken: SECRET },
        b: { registrytoken: SECRET },
        c: { auth: Buffer.from("user:a:b").toString("base64") },
        d: {},
        e: null,
      },
    });
    expect(await findCredentials("a", "x", env)).toEqual({ kind: "identity", token: SECRET });
    expect(await findCredentials("b", "x", env)).toEqual({ kind: "bearer", token: SECRET });
    expect(await findCredentials("c", "x", env)).toMatchObject({ password: "a:b" });
    expect(await findCredentials("d", "x", env)).toBeUndefined();
    expect(await findCredentials("e", "x", env)).toBeUndefined();
  });
});

describe("findCredentials in files", () => {
  it("asks the explicit one first and goes on where it does not know the registry", async () => {
    const env = dockerConfig({ auths: { r: { auth } } });
    const other = join(env.HOME, "auth.json");
    writeFileSync(other, JSON.stringify({ auths: { s: { auth: Buffer.from("s:s").toString("base64") } } }));
    const both = { ...env, REGISTRY_AUTH_FILE: other };
    expect(await findCredentials("s", "x", both)).toMatchObject({ username: "s" });
    expect(await findCredentials("r", "x", both)).toEqual(basic);
  });

  it("reads DOCKER_CONFIG and podman's files", async () => {
    const env = dockerConfig({ auths: { r: { auth } } });
    expect(await findCredentials("r", "x", { DOCKER_CONFIG: join(env.HOME, ".docker") })).toEqual(basic);
    const runtime = tempDir();
    mkdirSync(join(runtime, "containers"));
    writeFileSync(join(runtime, "containers/auth.json"), JSON.stringify({ auths: { r: { auth } } }));
    expect(await findCredentials("r", "x", { XDG_RUNTIME_DIR: runtime })).toEqual(basic);
    expect(await findCredentials("r", "x", {})).toBeUndefined();
  });

  it("does not quote a broken file", async () => {
    const env = dockerConfig(`{"auths": {"r": {"auth": "${auth}"`);
    const { credentials, problems } = await login("r", "x", env);
    expect(credentials).toBeUndefined();
    expect(problems).toMatchObject([{ message: expect.stringContaining("config.json cannot be read") }]);
    expect(JSON.stringify(problems)).not.toContain(auth);
  });

  it("goes on after one that is broken, and says whose credentials it found", async () => {
    const env = dockerConfig({ auths: { r: { auth } } });
    const broken = join(env.HOME, "auth.json");
    writeFileSync(broken, "");
    const found = await login("r", "x", { ...env, REGISTRY_AUTH_FILE: broken });
    expect(found).toMatchObject({ credentials: basic, problems: [{ message: expect.stringContaining(broken) }] });
    expect(found.from).toBe(`the credentials of "user" in ${env.HOME}/.docker/config.json`);
  });

  it.each(["", "[]", "7", "null", "{", "\ufeff"])("takes %j for no file, with a word", async (text) => {
    const { credentials, problems } = await login("r", "x", dockerConfig(text));
    expect(credentials).toBeUndefined();
    expect(problems).toHaveLength(1);
  });

  it.each([{ auths: [] }, { auths: "r" }, { auths: { r: 7 } }, { auths: { r: {} } }, { credHelpers: [] }])(
    "passes what is of another type by: %j",
    async (document) => {
      expect(await findCredentials("r", "x", dockerConfig(document))).toBeUndefined();
    },
  );

  it("says so of an entry that holds nothing of use", async () => {
    const { problems } = await login("r", "x", dockerConfig({ auths: { r: { auth: "bm9ib2R5" } } }));
    expect(problems).toMatchObject([{ message: expect.stringContaining("the entry for r in") }]);
  });
});

describe("findCredentials from helpers", () => {
  it("gives the server on stdin and prefers the registry's own helper", async () => {
    const env = dockerConfig({ credHelpers: { r: "one" }, credsStore: "two", auths: { r: { auth } } });
    helper(env, "one", `read -r server; echo "{\\"Username\\":\\"$1-$server\\",\\"Secret\\":\\"${SECRET}\\"}"`);
    expect(await findCredentials("r", "x", env)).toEqual({ ...basic, username: "get-r" });
  });

  it("asks the store for Docker Hub by its old address, and takes an identity token", async () => {
    const env = dockerConfig({ credsStore: "two", auths: { "https://index.docker.io/v1/": {} } });
    helper(
      env,
      "two",
      `read -r server; test "$server" = https://index.docker.io/v1/ && echo '{"Username":"<token>","Secret":"${SECRET}"}'`,
    );
    expect(await findCredentials("docker.io", "library/x", env)).toEqual({ kind: "identity", token: SECRET });
  });

  it("takes `credentials not found` for none", async () => {
    const env = dockerConfig({ credsStore: "two" });
    helper(env, "two", "echo 'credentials not found in native keychain'; exit 1");
    expect(await findCredentials("r", "x", env)).toBeUndefined();
  });

  it.each([
    ["fails", `echo ${SECRET}; echo ${SECRET} >&2; exit 3`, "exit code 3"],
    ["prints no JSON", `echo ${SECRET}`, "not JSON"],
    ["prints nothing", "", "not JSON"],
    ["prints a list", "echo []", "not JSON"],
    ["is killed", "kill -9 $$", "could not give the credentials"],
  ])("says so when one %s, without its output", async (_, script, message) => {
    const env = dockerConfig({ credsStore: "bad" });
    helper(env, "bad", script);
    const { credentials, problems } = await login("r", "x", env);
    expect(credentials).toBeUndefined();
    expect(problems).toMatchObject([
      { message: expect.stringContaining(message), hint: expect.stringContaining("credsStore in") },
    ]);
    expect(JSON.stringify(problems)).not.toContain(SECRET);
  });

  it("does not wait for one for ever", async () => {
    const env = dockerConfig({ credsStore: "slow" });
    helper(env, "slow", "exec /bin/sleep 600");
    const { problems } = await findLogin("r", "x", { env, signal, helperTimeoutMs: 200 });
    expect(problems).toMatchObject([{ message: expect.stringContaining("did not answer within 0.2 s") }]);
  });

  it("names a helper that is missing, and refuses a path for a name", async () => {
    expect((await login("r", "x", dockerConfig({ credsStore: "absent" }))).problems).toMatchObject([
      {
        message: "docker-credential-absent not found; needed to log in to r",
        hint: expect.stringContaining("credsStore"),
      },
    ]);
    for (const name of ["../../evil", "a b", 7, {}]) {
      expect((await login("r", "x", dockerConfig({ credsStore: name }))).problems).toMatchObject([
        { message: expect.stringContaining("not the name of a credential helper") },
      ]);
    }
  });
});
