import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fetchAgent } from "../../../../src/guest/agent/agent.ts";
import type { AgentOptions } from "../../../../src/guest/agent/options.ts";
import { sha256 } from "../../../../src/lib/digest.ts";
import { testContext } from "../../../helpers/context.ts";
import { file, httpServer, json, type Reply, redirect, type TestServer } from "../../../helpers/file-server.ts";
import { tempDir } from "../../../helpers/temp.ts";

const AGENT = readFileSync(process.execPath).subarray(0, 5000);
const DIGEST = sha256(AGENT);
const API = "/repos/volantvm/volant/releases/latest";

/** A GitHub with one release whose asset is at "/asset". */
async function gitHub(assetReply: Reply | Reply[], asset: object = {}): Promise<TestServer> {
  const server: TestServer = await httpServer({
    [API]: (request, response) =>
      json({
        tag_name: "v9",
        assets: [{ name: "kestrel", browser_download_url: `${server.otherOrigin}/asset`, ...asset }],
      })(request, response),
    "/asset": assetReply,
    "/stored": file(AGENT),
  });
  return server;
}

function setUp(env: Record<string, string> = {}) {
  const baseDir = tempDir();
  const ctx = { ...testContext({ cacheDir: join(baseDir, "cache"), env }), baseDir };
  return { baseDir, ctx, fetch: (options: AgentOptions) => fetchAgent(options, ctx) };
}

describe("by release", () => {
  it("is checked against the API's digest, and cached by it", async () => {
    const server = await gitHub(file(AGENT), { digest: DIGEST });
    const { ctx, fetch } = setUp();
    const { path, digest } = await fetch({ release: "latest", apiUrl: server.origin });
    expect(digest).toBe(DIGEST);
    expect(readFileSync(path).equals(AGENT)).toBe(true);
    await fetch({ release: "latest", apiUrl: server.origin });
    expect(server.requests.map((request) => request.path)).toEqual([API, "/asset", API]);
    expect(ctx.warnings).toEqual([]);
    expect(ctx.logs).toContain("agent: release v9");
  });

  it("without a digest is a warning with the checksum to pin", async () => {
    const server = await gitHub(file(AGENT), { digest: null });
    const { ctx, fetch } = setUp();
    await fetch({ release: "latest", apiUrl: server.origin });
    expect(ctx.warnings).toEqual([
      {
        message: `the agent from ${server.otherOrigin}/asset is not pinned: whatever is there will be built in`,
        hint: `agent.checksum = "${DIGEST}", or fledge lock`,
      },
    ]);
  });

  it("with a wrong digest is refused", async () => {
    const server = await gitHub(file(AGENT), { digest: sha256("other") });
    await expect(setUp().fetch({ release: "latest", apiUrl: server.origin })).rejects.toMatchObject({
      code: "checksum",
      message: `${server.otherOrigin}/asset has ${sha256(AGENT)}; expected ${sha256("other")}`,
    });
  });

  it("is held to the config's checksum rather than the API's", async () => {
    const server = await gitHub(file(AGENT), { digest: DIGEST });
    const options = { release: "latest", apiUrl: server.origin, checksum: sha256("mine") };
    await expect(setUp().fetch(options)).rejects.toMatchObject({ code: "checksum" });
  });

  it("gives the token to the API and to nobody that it leads to", async () => {
    const server = await gitHub(redirect("/stored"));
    await setUp({ GITHUB_TOKEN: "s3cret" }).fetch({ release: "latest", apiUrl: server.origin });
    expect(server.requests.map(({ path, headers }) => [path, headers.authorization])).toEqual([
      [API, "Bearer s3cret"],
      ["/asset", undefined],
      ["/stored", undefined],
    ]);
  });

  it("drops the token when an asset of the API's host leads elsewhere", async () => {
    const server: TestServer = await httpServer({
      [API]: (request, response) =>
        json({ tag_name: "v9", assets: [{ name: "kestrel", browser_download_url: server.url("/asset") }] })(
          request,
          response,
        ),
      "/asset": (request, response) => redirect(`${server.otherOrigin}/stored`)(request, response),
      "/stored": file(AGENT),
    });
    await setUp({ GITHUB_TOKEN: "s3cret" }).fetch({ release: "latest", apiUrl: server.origin });
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
      "Bearer s3cret",
      "Bearer s3cret",
      undefined,
    ]);
  });
});

describe("what is no program", () => {
  const hint = "an agent is a static Linux binary; is this an error page, an archive or a checksum file?";

  it("by URL, which may hold a secret", async () => {
    const server = await httpServer({ "/kestrel": file("<html>not here</html>") });
    await expect(setUp().fetch({ url: server.url("/kestrel?sig=s3cret") })).rejects.toMatchObject({
      code: "config",
      message: `${server.url("/kestrel")} is not a program: it does not begin as an ELF file does`,
      hint,
    });
  });

  it("by release", async () => {
    const server = await gitHub(file("<html>"));
    await expect(setUp().fetch({ release: "latest", apiUrl: server.origin })).rejects.toThrow(
      "the agent of release latest is not a program",
    );
  });

  it.each(["", "\x7fELF"])("by path, with the content %j", async (content) => {
    const { baseDir, fetch } = setUp();
    writeFileSync(join(baseDir, "agent"), content);
    await expect(fetch({ path: "agent" })).rejects.toThrow("agent is not a program");
  });
});

it("by path is used where it is", async () => {
  const { baseDir, fetch } = setUp();
  writeFileSync(join(baseDir, "agent"), AGENT);
  expect(await fetch({ path: "agent", checksum: DIGEST })).toEqual({ path: join(baseDir, "agent"), digest: DIGEST });
  await expect(fetch({ path: "none" })).rejects.toThrow(`agent.path: ${join(baseDir, "none")} does not exist`);
});
