import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FledgeError, isFledgeError } from "../../src/lib/errors.ts";
import { authorize } from "../../src/registry/auth.ts";
import { openSource, type SourceSettings } from "../../src/sources/index.ts";
import { listCache } from "../../src/store/manage.ts";
import type { TestContext } from "../helpers/context.ts";
import { type FaultyRegistry, startFaultyRegistry } from "../helpers/faulty-registry.ts";
import { type Answer, noise } from "../helpers/http-server.ts";
import { makeImage, sampleLayers, type TestDescriptor } from "../helpers/images.ts";
import { type Pulled, pull, pullContext } from "../helpers/pull.ts";
import { tar } from "../helpers/tar-writer.ts";
import { tempDir } from "../helpers/temp.ts";

const SECRET = "s3cret-of-the-test";
const TOKEN = "t0ken-of-the-test";
const image = makeImage({ layers: [...sampleLayers(), tar({ name: "big", data: noise(400_000) })] });
const big = image.layers[2];
const bigBytes = image.blobs.get(big?.digest ?? image.config.digest) ?? Buffer.alloc(0);
const FAST = { retryDelayMs: 20, idleTimeoutMs: 500 };
const BLOBS = "/v2/team/app/blobs/";
const MANIFEST = "/v2/team/app/manifests/";
/** Stands for the registry's. */
const HOST = "registry.invalid";

const blobOf = ({ digest }: TestDescriptor): Buffer => image.blobs.get(digest) ?? Buffer.alloc(0);

let registry: FaultyRegistry;
beforeEach(async () => {
  registry = await startFaultyRegistry(image);
});
afterEach(() => registry.server.close());

function run(ctx: TestContext = pullContext(), settings: SourceSettings = {}): Promise<Pulled> {
  return pull(openSource({ image: registry.image, platform: "amd64" }, { patience: FAST, ...settings }), ctx);
}

function expectRight({ pin, listing, ctx }: Pulled): void {
  expect(pin.digest).toBe(image.descriptor.digest);
  expect(Object.keys(listing).sort()).toEqual(["", "/big", "/bin", "/bin/again", "/bin/tool", "/etc", "/etc/a"]);
  expect(listing["/big"]?.content).toContain("400000 bytes");
  expectSilent(ctx);
}

/** No secret in what a build says or keeps. */
function expectSilent(ctx: TestContext, error?: FledgeError): void {
  const said = JSON.stringify([
    ctx.logs,
    ctx.warnings,
    error?.message,
    error?.hint,
    error?.stack,
    textOf(error?.cause),
  ]);
  for (const secret of [SECRET, TOKEN, Buffer.from(`user:${SECRET}`).toString("base64"), "signature="]) {
    expect(said).not.toContain(secret);
    if (!existsSync(ctx.cacheDir)) continue;
    const found = execFileSync("sh", ["-c", 'grep -rlF -- "$1" "$2" || true', "sh", secret, ctx.cacheDir]);
    expect(found.toString()).toBe("");
  }
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? `${cause.message} ${cause.stack} ${textOf(cause.cause)}` : "";
}

async function failure(ctx: TestContext = pullContext(), settings: SourceSettings = {}): Promise<FledgeError> {
  const error = await run(ctx, settings).then(
    () => new Error("it did not fail"),
    (thrown: unknown) => thrown,
  );
  if (!isFledgeError(error)) throw error;
  expectSilent(ctx, error);
  expect(
    existsSync(join(ctx.cacheDir, "staging")) ? execFileSync("ls", [join(ctx.cacheDir, "staging")]).toString() : "",
  ).toBe("");
  return error;
}

describe("logging in", () => {
  const basic = { auth: Buffer.from(`user:${SECRET}`).toString("base64") };
  beforeEach(() => {
    registry.manifest(registry.challenge);
    registry.token({ body: JSON.stringify({ token: TOKEN, expires_in: 60 }) });
  });

  it("takes an anonymous token, and one for everything", async () => {
    expectRight(await run());
    expect(registry.shown("/token")).toEqual([undefined]);
    const { url } = registry.server.received.find(({ url }) => url.startsWith("/token")) ?? { url: "" };
    const query = new URL(url, registry.server.origin).searchParams;
    expect([query.get("service"), query.get("scope")]).toEqual(["test", "repository:team/app:pull"]);
    expect(registry.shown(MANIFEST)).toEqual([undefined, `Bearer ${TOKEN}`]);
    expect(new Set(registry.shown(BLOBS))).toEqual(new Set([`Bearer ${TOKEN}`]));
  });

  it("shows name and password to the token service only", async () => {
    expectRight(await run(registry.login(basic)));
    expect(registry.shown("/token")).toEqual([`Basic ${basic.auth}`]);
    expect([...registry.shown(MANIFEST), ...registry.shown(BLOBS)]).not.toContain(`Basic ${basic.auth}`);
  });

  it("posts an identity token, and never puts it into a URL", async () => {
    registry.token({ body: JSON.stringify({ access_token: TOKEN }) });
    expectRight(await run(registry.login({ identitytoken: SECRET })));
    const asked = registry.server.received.find(({ url }) => url.startsWith("/token"));
    expect(asked).toMatchObject({ method: "POST", url: "/token" });
    expect(Object.fromEntries(new URLSearchParams(asked?.body))).toEqual({
      grant_type: "refresh_token",
      client_id: "fledge",
      service: "test",
      scope: "repository:team/app:pull",
      refresh_token: SECRET,
    });
  });

  it("asks for another token when one has run out", async () => {
    registry.blob(big, registry.challenge);
    expectRight(await run());
    expect(registry.shown("/token")).toHaveLength(2);
  });

  it.each<[string, Answer[], string]>([
    ["denies", [{ status: 403, body: TOKEN }], "refuses access to team/app: it wants a login"],
    ["sends no JSON", [{ body: TOKEN }], "is not JSON"],
    ["sends no token", [{ body: "{}" }], "sent no token"],
    ["is down", [{ dropAtOnce: true }], "the connection was dropped"],
  ])("says so when the token service %s", async (_, answers, message) => {
    registry.token(...answers);
    expect((await failure()).message).toContain(message);
  });

  it.each<[string, Answer, string]>([
    ["401", { status: 401, body: JSON.stringify({ details: `not ${SECRET}` }) }, "(not ***)"],
    [
      "400",
      { status: 400, body: '{"error":"invalid_grant","error_description":"expired"}' },
      "(invalid_grant: expired)",
    ],
  ])(
    "says whose credentials were not accepted, and what the token service says of it: %s",
    async (_, answer, words) => {
      registry.token(answer);
      const error = await failure(registry.login(basic));
      expect(error.message).toContain(`does not accept the credentials ${words}`);
      expect(error.hint).toMatch(/it was shown the credentials of "user" in .*\.docker\/config\.json: log in again/);
    },
  );

  it.each<[string, object | string, string]>([
    ["a helper that is not there", { credsStore: "absent" }, "docker-credential-absent not found"],
    ["a helper with no name", { credsStore: "../../evil" }, "is not the name of a credential helper"],
    ["a helper of another type", { credHelpers: { [HOST]: 7 } }, "is not the name of a credential helper"],
    ["an empty file", "", "it is not a JSON object"],
    ["a list", "[]", "it is not a JSON object"],
    ["an entry that holds nothing of use", { auths: { [HOST]: { auth: "%%%" } } }, "holds no user name and password"],
  ])("takes %s for a warning where anybody may fetch, and for the reason where not", async (_, config, message) => {
    const home = tempDir();
    mkdirSync(join(home, ".docker"));
    const text = typeof config === "string" ? config : JSON.stringify(config).replaceAll(HOST, registry.host);
    writeFileSync(join(home, ".docker/config.json"), text);
    const pulled = await run(pullContext({ HOME: home }));
    expectRight(pulled);
    expect(pulled.ctx.warnings).toMatchObject([{ message: expect.stringContaining(message) }]);
    registry.manifest(registry.challenge);
    registry.token({ status: 401 });
    const error = await failure(pullContext({ HOME: home }));
    expect(error.message).toContain("it wants a login");
    expect(error.problems).toMatchObject([{ message: expect.stringContaining(message) }]);
  });

  it("says so when the token is not good enough, and asks no more than it must", async () => {
    registry.manifest(registry.challenge, registry.challenge, registry.challenge, registry.challenge);
    const error = await failure(registry.login(basic));
    expect(error.message).toContain("refuses access to team/app: it answers 401");
    expect(error.hint).toContain(`docker login ${registry.host}`);
    expect(registry.shown(MANIFEST)).toHaveLength(3);
  });

  it("does not send credentials of a registry with TLS in the clear", async () => {
    const ctx = registry.login(basic);
    const target = {
      registry: registry.host,
      repository: "team/app",
      origin: "https://registry.invalid",
      alsoPull: [],
      tls: {},
      patience: FAST,
      login: { credentials: { kind: "basic", username: "user", password: SECRET } as const, problems: [] },
    };
    const challenge = { scheme: "bearer", params: { realm: `${registry.server.origin}/token` } };
    await expect(authorize([challenge], target, ctx)).rejects.toThrow("is not https");
    expect(registry.shown("/token")).toEqual([]);
  });

  it("does not answer the challenge of another host", async () => {
    const { port, otherOrigin } = registry.server;
    registry.manifest({ status: 307, headers: { location: `${otherOrigin}/elsewhere` } });
    registry.server.on("/elsewhere", { status: 401, headers: { "www-authenticate": `Basic realm="${port}"` } });
    await failure(registry.login(basic));
    expect(registry.shown("/elsewhere")).toEqual([undefined]);
  });
});

describe("what a registry says", () => {
  const words = (code: string, message: string, detail?: unknown) =>
    JSON.stringify({ errors: [{ code, message, ...(detail !== undefined && { detail }) }] });

  it.each<[number, string, string, string]>([
    [
      403,
      words("DENIED", "quarantined by policy 7"),
      "it answers 403 (DENIED: quarantined by policy 7)",
      "docker login",
    ],
    [
      429,
      words("TOOMANYREQUESTS", "pull rate limit", "100 in 6 h"),
      "429 Too Many Requests (TOOMANYREQUESTS: pull rate limit (100 in 6 h))",
      "log in",
    ],
    [
      503,
      words("UNAVAILABLE", "maintenance until 9"),
      "503 Service Unavailable (UNAVAILABLE: maintenance until 9)",
      "later",
    ],
    [404, words("NAME_UNKNOWN", "repository name not known"), "has no repository team/app", "the name of the image"],
    [
      404,
      words("MANIFEST_UNKNOWN", "manifest unknown", { Tag: "v1" }),
      '(MANIFEST_UNKNOWN: manifest unknown ({"Tag":"v1"}))',
      "check the tag",
    ],
    [404, "<html>", "has no image team/app:v1", "its name and tag"],
    [403, "x".repeat(100_000), "it answers 403", "docker login"],
    [403, words("DENIED", "m".repeat(10_000)), "DENIED: mmm", "docker login"],
  ])("of %i is shown: %#", async (status, body, message, hint) => {
    registry.manifest({ status, body }, { status, body }, { status, body }, { status, body });
    const error = await failure();
    expect(error.message).toContain(message);
    expect(error.message.length).toBeLessThan(800);
    expect(error.hint).toContain(hint);
  });
});

describe("a body that trickles", () => {
  it("is broken off, and taken up where it was", async () => {
    registry.blob(big, { body: bigBytes, trickleMs: 50 });
    expectRight(await run());
    const asked = registry.server.received.filter(({ url }) => url.endsWith(String(big?.digest)));
    expect(asked.map(({ headers }) => headers.range)).toEqual([undefined, expect.stringMatching(/^bytes=\d+-$/)]);
  });

  it("is waited for where that is wanted", async () => {
    registry.blob(image.config, { body: blobOf(image.config), trickleMs: 5 });
    expectRight(await run(pullContext(), { patience: { ...FAST, minBytesPerSecond: 0 } }));
  });
});

describe("an image that was built before", () => {
  it("is built again from its pin when the registry is gone, and asks for no layer when it is there", async () => {
    const first = await run();
    const asked = registry.server.received.length;
    expectRight(await run(pullContext({}, first.ctx.cacheDir)));
    expect(registry.server.received.slice(asked).map(({ url }) => url)).toEqual([`${MANIFEST}v1`]);
    await registry.server.close();
    const source = openSource({ image: registry.image, platform: "amd64" }, { patience: FAST });
    const ctx = pullContext({}, first.ctx.cacheDir);
    const layers = [];
    for await (const layer of source.layers(first.pin, ctx)) layers.push(layer);
    expect(layers).toHaveLength(3);
    expect((await source.image?.(first.pin, ctx))?.architecture).toBe("amd64");
    registry = await startFaultyRegistry(image);
  });
});

describe("redirects", () => {
  it("to another host do not carry the credentials, and their query is not told", async () => {
    const { otherOrigin, server } = { ...registry.server, server: registry.server };
    registry.manifest(registry.challenge);
    registry.token({ body: JSON.stringify({ token: TOKEN }) });
    const location = `${otherOrigin}/storage?signature=${SECRET}`;
    server.on(`${BLOBS}${big?.digest}`, { status: 307, headers: { location } });
    server.on("/storage", { body: bigBytes, dropAfter: 100_000 }, { status: 503 }, { body: bigBytes });
    expectRight(await run());
    expect(registry.shown("/storage").length).toBeGreaterThan(1);
    expect(new Set(registry.shown("/storage"))).toEqual(new Set([undefined]));
    expect(new Set(registry.shown(BLOBS))).toEqual(new Set([`Bearer ${TOKEN}`]));
  });

  it("in circles end", async () => {
    registry.manifest({ status: 302, headers: { location: "/loop" } });
    registry.server.on("/loop", { status: 302, headers: { location: "/loop" } });
    expect((await failure()).message).toContain("redirects");
  });
});

describe("faults that pass", () => {
  it("429 is waited for as long as it says", async () => {
    registry.manifest({ status: 429, headers: { "retry-after": "1" } });
    const before = performance.now();
    expectRight(await run());
    expect(performance.now() - before).toBeGreaterThan(990);
  });

  it.each<[string, Answer[]]>([
    ["503 and 500", [{ status: 503 }, { status: 500 }]],
    ["a connection that is dropped at once", [{ dropAtOnce: true }]],
    ["a connection cut before the first byte", [{ dropAfter: 0 }, { dropAfter: 0 }]],
    ["a body that stands still", [{ body: bigBytes, stall: true }]],
    [
      "a server that knows no Range",
      [
        { body: bigBytes, dropAfter: 150_000 },
        { body: bigBytes, ignoreRange: true },
      ],
    ],
    ["a length that is too small", [{ body: bigBytes.subarray(0, 200_000) }]],
    ["a length that is too large", [{ body: bigBytes, contentLength: bigBytes.length + 5 }]],
    ["an answer without a length", [{ body: bigBytes, contentLength: null }]],
  ])("%s of a layer", async (_, faults) => {
    registry.blob(big, ...faults);
    expectRight(await run());
  });

  it("is resumed where it broke, not begun again", async () => {
    registry.blob(big, { body: bigBytes, dropAfter: 300_000 });
    expectRight(await run());
    const ranges = registry.server.received
      .filter(({ url }) => url.endsWith(big?.digest ?? "-"))
      .map(({ headers }) => headers.range);
    expect(ranges).toHaveLength(2);
    expect(Number(/^bytes=(\d+)-$/.exec(ranges[1] ?? "")?.[1])).toBeGreaterThan(0);
  });

  it("cuts at random bytes end in the right image", async () => {
    const fault = fc.oneof(
      fc.record({ body: fc.constant(bigBytes), dropAfter: fc.integer({ min: 0, max: bigBytes.length }) }),
      fc.constant<Answer>({ status: 502 }),
      fc.constant<Answer>({ dropAtOnce: true }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fault, { maxLength: 3 }), async (faults) => {
        registry.blob(big, ...faults);
        expectRight(await run());
      }),
      { numRuns: 12 },
    );
  });
});

describe("faults that stay", () => {
  const flipped = Buffer.from(bigBytes);
  flipped[200_000] = (flipped[200_000] ?? 0) ^ 1;

  it.each<[string, Answer, string, string]>([
    ["wrong bytes", { body: flipped }, "checksum", "instead of sha256:"],
    ["too many bytes", { body: Buffer.concat([bigBytes, Buffer.alloc(3)]) }, "checksum", "more than"],
    ["an error page", { body: "<html>proxy</html>" }, "checksum", "bytes instead of"],
    ["404", { status: 404 }, "download", "has no blob"],
    ["403", { status: 403 }, "download", "it answers 403"],
    ["503", { status: 503 }, "download", "503"],
    ["cuts", { body: bigBytes, dropAfter: 0 }, "download", "the connection was dropped"],
    [
      "a body that stands still",
      { body: Buffer.alloc(0), contentLength: 10, stall: true },
      "download",
      "stopped sending",
    ],
  ])("%s of a layer is an error that names it, and nothing is kept of it", async (_, fault, code, message) => {
    registry.server.on(`${BLOBS}${big?.digest}`, fault);
    const ctx = pullContext();
    const error = await failure(ctx);
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(message);
    if (code === "checksum") expect(error.message).toContain(big?.digest);
    expect((await listCache(ctx.cacheDir)).map(({ digest }) => digest)).not.toContain(image.diffIds[2]);
  });

  it("a manifest that is not the pinned one is an error", async () => {
    registry.server.on(`${MANIFEST}${image.descriptor.digest}`, { body: `${image.manifest} ` });
    const source = openSource({ image: `${registry.host}/team/app@${image.descriptor.digest}` }, { patience: FAST });
    await expect(source.pin(pullContext())).rejects.toMatchObject({ code: "checksum" });
  });

  it.each([
    ["schema 1", { schemaVersion: 1, fsLayers: [] }, "schema 1"],
    ["no JSON", "<html>", "is not JSON"],
  ])("%s for a manifest is an error", async (_, body, message) => {
    registry.server.on(`${MANIFEST}v1`, { body: typeof body === "string" ? body : JSON.stringify(body) });
    expect((await failure()).message).toContain(message);
  });

  it("a config with other bytes is an error", async () => {
    registry.server.on(`${BLOBS}${image.config.digest}`, { body: Buffer.alloc(image.config.size, 0x20) });
    expect(await failure()).toMatchObject({ code: "checksum" });
  });

  it("of a mirror leave the registry", async () => {
    const mirror = await startFaultyRegistry(image);
    try {
      mirror.server.on(`${BLOBS}${big?.digest}`, { body: flipped });
      mirror.server.on(`${BLOBS}${image.layers[0]?.digest}`, { status: 404 });
      mirror.server.on(`${BLOBS}${image.config.digest}`, { body: "{}" });
      const pulled = await run(pullContext(), { registries: { [registry.host]: { mirrors: [mirror.host] } } });
      expectRight(pulled);
      expect(pulled.ctx.warnings).toMatchObject([{ message: expect.stringContaining("next registry") }]);
      expect(registry.server.received.map(({ url }) => url)).not.toContain(`${MANIFEST}v1`);
      mirror.server.on(`${MANIFEST}v1`, { body: "<html>log in to the network</html>" });
      expectRight(await run(pullContext(), { registries: { [registry.host]: { mirrors: [mirror.host] } } }));
    } finally {
      await mirror.server.close();
    }
  });
});
