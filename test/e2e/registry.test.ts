import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { isFledgeError } from "../../src/lib/errors.ts";
import type { RegistriesOptions } from "../../src/registry/options.ts";
import { openSource } from "../../src/sources/index.ts";
import { pruneCache, verifyCache } from "../../src/store/manage.ts";
import { bundled } from "../helpers/bundled.ts";
import { noise } from "../helpers/http-server.ts";
import { makeImage, makeIndex, sampleLayers, writeImages } from "../helpers/images.ts";
import { pull, pullContext } from "../helpers/pull.ts";
import { needsRegistry, type Registry, startRegistry } from "../helpers/registry.ts";
import { describeWith } from "../helpers/requirements.ts";
import { tar } from "../helpers/tar-writer.ts";
import { tempDir } from "../helpers/temp.ts";

const LOGIN = { username: "tester", password: "p4ssword-of-the-test" };
const NAME = "team/app:v1";
const PATHS = ["", "/bin", "/bin/again", "/bin/tool", "/etc", "/etc/a"];

const sample = (text = "upper", architecture = "amd64") =>
  makeImage({ layers: sampleLayers(text), architecture, config: { Cmd: ["/bin/tool"] } });

function pushSample(registry: Registry): void {
  const folder = registry.scratch();
  writeImages(folder, [
    { tag: "one", image: sample() },
    { tag: "many", image: makeIndex([sample("of amd64"), sample("of arm64", "arm64")]) },
  ]);
  registry.push(`oci:${folder}:one`, NAME);
  registry.push(`oci:${folder}:many`, "team/many:v1", "--all");
}

async function failure(promise: Promise<unknown>) {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isFledgeError(error)) throw error ?? new Error("it did not fail");
  return error;
}

const pullChild = await bundled(fileURLToPath(new URL("../helpers/pull-child.ts", import.meta.url)));

describeWith("a plain registry on localhost", [needsRegistry()], () => {
  let registry: Registry;
  beforeAll(async () => {
    registry = await startRegistry();
    pushSample(registry);
  });
  afterAll(() => registry.stop());

  it("is read without further options", async () => {
    const { pin, config, listing } = await pull(
      openSource({ image: `${registry.host}/${NAME}`, platform: "linux/amd64" }),
    );
    expect(pin).toEqual({ reference: `${registry.host}/${NAME}`, digest: sample().descriptor.digest });
    expect(config?.cmd).toEqual(["/bin/tool"]);
    expect(Object.keys(listing).sort()).toEqual(PATHS);
    expect(listing["/bin/tool"]).toMatchObject({ mode: "4755", owner: "7:8", links: ["/bin/again", "/bin/tool"] });
  });

  it("is read by digest, and again from the cache", async () => {
    const image = `docker://${registry.host}/team/app@${sample().descriptor.digest}`;
    const first = await pull(openSource({ image, platform: "amd64" }));
    const second = await pull(openSource({ image, platform: "amd64" }), pullContext({}, first.ctx.cacheDir));
    expect(second.listing).toEqual(first.listing);
  });

  it.each(["amd64", "arm64"])("gives the image for %s out of an index", async (architecture) => {
    const source = openSource({ image: `${registry.host}/team/many:v1`, platform: `linux/${architecture}` });
    const { pin, config, listing } = await pull(source);
    expect(pin.digest).toBe(sample(`of ${architecture}`, architecture).descriptor.digest);
    expect(config?.architecture).toBe(architecture);
    expect(listing["/etc/a"]?.content).toContain("8 bytes");
  });

  it("lists the platforms there are when one is missing", async () => {
    const source = openSource({ image: `${registry.host}/team/many:v1`, platform: "linux/s390x" });
    const error = await failure(pull(source));
    expect(error.message).toContain("no image for linux/s390x; it has linux/amd64, linux/arm64");
  });

  it("refuses the only image when it is for another platform than the one asked for", async () => {
    const image = `${registry.host}/${NAME}`;
    const error = await failure(pull(openSource({ image, platform: "linux/arm64" })));
    expect(error.message).toContain("is for linux/amd64, not linux/arm64");
  });

  it.each(["team/app:absent", "absent:v1", `team/app@sha256:${"0".repeat(64)}`])(
    "says that %s is not there",
    async (name) => {
      const error = await failure(pull(openSource({ image: `${registry.host}/${name}` })));
      expect(error).toMatchObject({ code: "source" });
      expect(error.message).toContain(`${registry.host} has no image`);
    },
  );

  it("is asked after mirrors that are down or do not have the image, and mirrors before it", async () => {
    const mirrors = ["127.0.0.1:1", `${registry.host}/other`, `http://${registry.host}/`];
    const registries: RegistriesOptions = { "registry.invalid": { mirrors } };
    const source = openSource({ image: `registry.invalid/${NAME}`, platform: "amd64" }, { registries });
    expect(Object.keys((await pull(source)).listing).sort()).toEqual(PATHS);
  });
});

describeWith("several builds of one image", [needsRegistry()], () => {
  // Enough that a build is caught in the middle of it.
  const big = makeImage({
    layers: Array.from({ length: 5 }, (_, i) => tar({ name: `file-${i}`, data: noise(6_000_000, `${i}`) })),
  });
  let registry: Registry;
  beforeAll(async () => {
    registry = await startRegistry();
    const folder = registry.scratch();
    writeImages(folder, [{ tag: "big", image: big }]);
    registry.push(`oci:${folder}:big`, "team/big:v1");
  });
  afterAll(() => registry.stop());

  const start = (cacheDir: string) => {
    const args = [pullChild, cacheDir, `${registry.host}/team/big:v1`];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    return { child, output: new Promise((done) => child.on("close", () => done(Buffer.concat(chunks).toString()))) };
  };

  it("at once share the work and end well", async () => {
    const cacheDir = tempDir();
    expect(await Promise.all([start(cacheDir).output, start(cacheDir).output])).toEqual(["5 layers\n", "5 layers\n"]);
    expect((await verifyCache(cacheDir, new AbortController().signal)).damaged).toEqual([]);
    expect(readdirSync(join(cacheDir, "staging"))).toEqual([]);
  });

  it("killed again and again end well at last", async () => {
    const cacheDir = tempDir();
    for (const afterMs of [0, 20, 60, 150]) {
      const { child, output } = start(cacheDir);
      // Counted from the first thing it writes: how long Node takes to start depends on the machine.
      while (child.exitCode === null && !existsSync(join(cacheDir, "staging"))) await delay(5);
      await delay(afterMs);
      child.kill("SIGKILL");
      await output;
      const { damaged } = await verifyCache(cacheDir, new AbortController().signal);
      expect(damaged).toEqual([]);
    }
    expect(await start(cacheDir).output).toBe("5 layers\n");
    const { listing } = await pull(
      openSource({ image: `${registry.host}/team/big:v1`, platform: "amd64" }),
      pullContext({}, cacheDir),
    );
    expect(Object.keys(listing)).toHaveLength(6);
    expect(listing["/file-4"]?.content).toContain("6000000 bytes");
    // What the last one left goes with the next layer that is fetched, or here.
    await pruneCache(cacheDir, { maxSizeBytes: Number.POSITIVE_INFINITY });
    expect(readdirSync(join(cacheDir, "staging"))).toEqual([]);
  });
});

describeWith("a registry with TLS and a login", [needsRegistry()], () => {
  let registry: Registry;
  beforeAll(async () => {
    registry = await startRegistry({ tls: true, login: LOGIN });
    pushSample(registry);
  });
  afterAll(() => registry.stop());

  const login = (password: string) => {
    const home = tempDir();
    const auth = Buffer.from(`${LOGIN.username}:${password}`).toString("base64");
    mkdirSync(join(home, ".docker"));
    writeFileSync(join(home, ".docker/config.json"), JSON.stringify({ auths: { [registry.host]: { auth } } }));
    return pullContext({ HOME: home });
  };
  const source = (registries: RegistriesOptions) =>
    openSource({ image: `${registry.host}/${NAME}`, platform: "amd64" }, { registries });

  it("is read with its authority and the credentials of docker login", async () => {
    const { listing, ctx } = await pull(source({ [registry.host]: { ca: registry.ca ?? "" } }), login(LOGIN.password));
    expect(Object.keys(listing).sort()).toEqual(PATHS);
    expect(JSON.stringify([ctx.logs, ctx.warnings])).not.toContain(LOGIN.password);
  });

  it("has an authority that is named from the project's folder", async () => {
    const registries = { [registry.host]: { ca: "ca.pem" } };
    const options = { image: `${registry.host}/${NAME}`, platform: "amd64" };
    await pull(openSource(options, { registries, cwd: dirname(registry.ca ?? "") }), login(LOGIN.password));
  });

  it("is read as insecure", async () => {
    const { listing } = await pull(source({ [registry.host]: { insecure: true } }), login(LOGIN.password));
    expect(Object.keys(listing).sort()).toEqual(PATHS);
  });

  it("is not trusted without its authority, nor asked in the clear", async () => {
    const error = await failure(pull(source({}), login(LOGIN.password)));
    expect(error).toMatchObject({ code: "download" });
    expect(error.message).toMatch(/https:.*(certificate|UNABLE_TO_VERIFY)/i);
  });

  it.each([
    ["no", undefined, "it wants a user name and password"],
    ["the wrong", "wr0ng-password", "401"],
  ])("says how to log in with %s credentials", async (_, password, message) => {
    const ctx = password === undefined ? pullContext() : login(password);
    const error = await failure(pull(source({ [registry.host]: { insecure: true } }), ctx));
    expect(error.message).toContain(message);
    expect(error.hint).toContain(`docker login ${registry.host}`);
    expect(`${error.stack}${error.hint}${ctx.logs}`).not.toContain(password ?? LOGIN.password);
  });

  it("names an authority file that is missing", async () => {
    const error = await failure(pull(source({ [registry.host]: { ca: "/nonexistent/ca.pem" } })));
    expect(error).toMatchObject({ code: "config" });
    expect(error.message).toContain("/nonexistent/ca.pem");
  });
});
