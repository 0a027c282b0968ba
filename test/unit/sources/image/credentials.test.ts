import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isFledgeError } from "../../../../src/lib/errors.ts";
import { findCredentials } from "../../../../src/sources/image/credentials.ts";
import { tempDir } from "../../../helpers/temp.ts";

const SECRET = "s3cret-of-the-test";
const auth = Buffer.from(`user:${SECRET}`).toString("base64");
const basic = { kind: "basic", username: "user", password: SECRET };
const signal = new AbortController().signal;

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
    expect(await findCredentials(registry, "team/app", env, signal)).toEqual(basic);
  });

  it.each([
    ["example.com", "r.example.com"],
    ["r.example.com", "r.example.com/other"],
    ["r.example.com", "r.example.com/tea"],
    ["r.example.com", "r.example.com:5000"],
    ["r.example.com", "https://r.example.com.evil.org/v1/"],
  ])("not for %s under the key %s", async (registry, key) => {
    const env = dockerConfig({ auths: { [key]: { auth } } });
    expect(await findCredentials(registry, "team/app", env, signal)).toBeUndefined();
  });

  it("prefers the most specific key", async () => {
    const team = Buffer.from("team:x").toString("base64");
    const env = dockerConfig({ auths: { "r.example.com": { auth }, "r.example.com/team": { auth: team } } });
    expect(await findCredentials("r.example.com", "team/app", env, signal)).toMatchObject({ username: "team" });
    expect(await findCredentials("r.example.com", "other", env, signal)).toEqual(basic);
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
    expect(await findCredentials("a", "x", env, signal)).toEqual({ kind: "identity", token: SECRET });
    expect(await findCredentials("b", "x", env, signal)).toEqual({ kind: "bearer", token: SECRET });
    expect(await findCredentials("c", "x", env, signal)).toMatchObject({ password: "a:b" });
    expect(await findCredentials("d", "x", env, signal)).toBeUndefined();
    expect(await findCredentials("e", "x", env, signal)).toBeUndefined();
  });
});

describe("findCredentials in files", () => {
  it("asks the explicit one first and goes on where it does not know the registry", async () => {
    const env = dockerConfig({ auths: { r: { auth } } });
    const other = join(env.HOME, "auth.json");
    writeFileSync(other, JSON.stringify({ auths: { s: { auth: Buffer.from("s:s").toString("base64") } } }));
    const both = { ...env, REGISTRY_AUTH_FILE: other };
    expect(await findCredentials("s", "x", both, signal)).toMatchObject({ username: "s" });
    expect(await findCredentials("r", "x", both, signal)).toEqual(basic);
  });

  it("reads DOCKER_CONFIG and podman's files", async () => {
    const env = dockerConfig({ auths: { r: { auth } } });
    expect(await findCredentials("r", "x", { DOCKER_CONFIG: join(env.HOME, ".docker") }, signal)).toEqual(basic);
    const runtime = tempDir();
    mkdirSync(join(runtime, "containers"));
    writeFileSync(join(runtime, "containers/auth.json"), JSON.stringify({ auths: { r: { auth } } }));
    expect(await findCredentials("r", "x", { XDG_RUNTIME_DIR: runtime }, signal)).toEqual(basic);
    expect(await findCredentials("r", "x", {}, signal)).toBeUndefined();
  });

  it("does not quote a broken file", async () => {
    const env = dockerConfig(`{"auths": {"r": {"auth": "${auth}"`);
    const error = await findCredentials("r", "x", env, signal).catch((thrown: unknown) => thrown);
    expect(isFledgeError(error) && error.message).toContain("config.json cannot be read");
    expect(textOf(error)).not.toContain(auth);
  });
});

describe("findCredentials from helpers", () => {
  it("gives the server on stdin and prefers the registry's own helper", async () => {
    const env = dockerConfig({ credHelpers: { r: "one" }, credsStore: "two", auths: { r: { auth } } });
    helper(env, "one", `read -r server; echo "{\\"Username\\":\\"$1-$server\\",\\"Secret\\":\\"${SECRET}\\"}"`);
    expect(await findCredentials("r", "x", env, signal)).toEqual({ ...basic, username: "get-r" });
  });

  it("asks the store for Docker Hub by its old address, and takes an identity token", async () => {
    const env = dockerConfig({ credsStore: "two", auths: { "https://index.docker.io/v1/": {} } });
    helper(
      env,
      "two",
      `read -r server; test "$server" = https://index.docker.io/v1/ && echo '{"Username":"<token>","Secret":"${SECRET}"}'`,
    );
    expect(await findCredentials("docker.io", "library/x", env, signal)).toEqual({ kind: "identity", token: SECRET });
  });

  it("takes `credentials not found` for none", async () => {
    const env = dockerConfig({ credsStore: "two" });
    helper(env, "two", "echo 'credentials not found in native keychain'; exit 1");
    expect(await findCredentials("r", "x", env, signal)).toBeUndefined();
  });

  it.each([
    ["fails", `echo ${SECRET}; echo ${SECRET} >&2; exit 3`, "exit code 3"],
    ["prints no JSON", `echo ${SECRET}`, "not JSON"],
  ])("says so when one %s, without its output", async (_, script, message) => {
    const env = dockerConfig({ credsStore: "bad" });
    helper(env, "bad", script);
    const error = await findCredentials("r", "x", env, signal).catch((thrown: unknown) => thrown);
    expect(isFledgeError(error) && error.message).toContain(message);
    expect(textOf(error)).not.toContain(SECRET);
  });

  it("names a helper that is missing, and refuses a path for a name", async () => {
    await expect(findCredentials("r", "x", dockerConfig({ credsStore: "absent" }), signal)).rejects.toThrow(
      "docker-credential-absent not found",
    );
    await expect(findCredentials("r", "x", dockerConfig({ credsStore: "../../evil" }), signal)).rejects.toThrow(
      "not the name of a credential helper",
    );
  });
});

function textOf(error: unknown): string {
  const { message, hint, stack, cause } = error as Error & { hint?: string };
  return [message, hint, stack, cause === undefined ? "" : textOf(cause)].join("\n");
}
