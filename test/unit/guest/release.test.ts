import { describe, expect, it } from "vitest";
import { findRelease } from "../../../src/guest/release.ts";
import { sha256 } from "../../../src/lib/digest.ts";
import { testContext } from "../../helpers/context.ts";
import { httpServer, json, type Reply, status } from "../../helpers/file-server.ts";

const AGENT = { key: "agent", what: "the agent", asset: "kestrel" };
const LATEST = "/repos/volantvm/volant/releases/latest";
const TAGGED = "/repos/me/mine/releases/tags/v1.2%2Fx";
const DIGEST = sha256("agent");

const asset = (more: object = {}) => ({
  name: "kestrel",
  browser_download_url: "https://cdn.example/kestrel",
  ...more,
});
const release = (...assets: object[]): Reply => json({ tag_name: "v9", assets, more: "of GitHub's" });

async function find(reply: Reply, env: Record<string, string> = {}, more: object = {}) {
  const server = await httpServer({ [LATEST]: reply, [TAGGED]: reply });
  const ctx = { ...testContext({ env }), baseDir: "/" };
  const result = findRelease(AGENT, { release: "latest", apiUrl: `${server.origin}/`, ...more }, ctx);
  result.catch(() => {});
  return { server, result };
}

describe("a release", () => {
  it("that is the latest", async () => {
    const { result, server } = await find(release(asset({ name: "other" }), asset({ digest: DIGEST })));
    expect(await result).toEqual({ tag: "v9", url: "https://cdn.example/kestrel", digest: DIGEST, headers: {} });
    expect(server.requests[0]?.headers).toMatchObject({ accept: "application/vnd.github+json" });
    expect(server.requests[0]?.headers).not.toHaveProperty("authorization");
  });

  it("of a tag, another repository and another asset", async () => {
    const options = { release: "v1.2/x", repository: "me/mine", asset: "agent-arm64" };
    const { result } = await find(release(asset({ name: "agent-arm64" })), {}, options);
    expect(await result).toMatchObject({ tag: "v9" });
  });

  it.each([null, undefined, "", "sha512:abc"])("whose digest is %j has none", async (digest) => {
    expect(await (await find(release(asset({ digest })))).result).not.toHaveProperty("digest");
  });
});

it("is asked for where GITHUB_API_URL says, unless the config does", async () => {
  const server = await httpServer({ [LATEST]: release(asset()) });
  const ctx = (GITHUB_API_URL: string) => ({ ...testContext({ env: { GITHUB_API_URL } }), baseDir: "/" });
  expect(await findRelease(AGENT, { release: "latest" }, ctx(server.origin))).toMatchObject({ tag: "v9" });
  const options = { release: "latest", apiUrl: server.origin };
  expect(await findRelease(AGENT, options, ctx("http://127.0.0.1:1"))).toMatchObject({ tag: "v9" });
});

describe("the token", () => {
  it.each(["GITHUB_TOKEN", "GH_TOKEN"])("%s goes to the API, not to the asset's host", async (name) => {
    const { result, server } = await find(release(asset()), { [name]: "s3cret" });
    expect((await result).headers).toEqual({});
    expect(server.requests[0]?.headers.authorization).toBe("Bearer s3cret");
  });

  it("goes to an asset on the API's own host", async () => {
    const reply: Reply = ({ headers }, response) =>
      release(asset({ browser_download_url: `http://${headers.host}/kestrel` }))({ headers } as never, response);
    expect((await (await find(reply, { GITHUB_TOKEN: "s3cret" })).result).headers).toEqual({
      authorization: "Bearer s3cret",
    });
  });
});

describe("what goes wrong", () => {
  it("there is no release", async () => {
    const { result, server } = await find(status(404));
    await expect(result).rejects.toMatchObject({
      code: "download",
      message: `volantvm/volant has no release (${server.origin}${LATEST} answered 404)`,
      hint: "check agent.release and agent.repository; a private repository needs GITHUB_TOKEN",
    });
  });

  it("there is no such tag", async () => {
    const { result, server } = await find(status(404), {}, { release: "v1.2/x", repository: "me/mine" });
    await expect(result).rejects.toThrow(`me/mine has no release "v1.2/x" (${server.origin}${TAGGED} answered 404)`);
  });

  it.each([401, 403])("the API refuses with %i", async (code) => {
    const { result, server } = await find(json({ message: "rate limit" }, code));
    await expect(result).rejects.toMatchObject({
      code: "download",
      message: `${server.origin}${LATEST} answered ${code}`,
      hint: "GitHub limits anonymous requests: set GITHUB_TOKEN, or pin the agent with agent.url and agent.checksum",
    });
  });

  it("the token is not accepted", async () => {
    const { result } = await find(status(401), { GITHUB_TOKEN: "s3cret" });
    await expect(result).rejects.toMatchObject({
      hint: "is the token in GITHUB_TOKEN or GH_TOKEN still valid, and may it read volantvm/volant?",
    });
  });

  it("the asset is not there: the message lists what is", async () => {
    const { result } = await find(release(asset({ name: "a" }), asset({ name: "b" })));
    await expect(result).rejects.toMatchObject({
      code: "download",
      message: 'release v9 of volantvm/volant has no asset "kestrel"',
      hint: "it has: a, b",
    });
    await expect((await find(release())).result).rejects.toMatchObject({ hint: "it has no assets at all" });
  });

  it.each([
    ["a page", status(200, {}, "<html>hello</html>")],
    ["JSON of another kind", json([])],
    ["JSON that is cut", status(200, {}, '{"tag_name": "v')],
    ["a file as the asset's URL", release(asset({ browser_download_url: "file:///etc/shadow" }))],
    ["a path as the asset's URL", release(asset({ browser_download_url: "/etc/shadow" }))],
  ])("the answer is %s", async (_name, reply) => {
    const { result, server } = await find(reply);
    await expect(result).rejects.toMatchObject({
      code: "download",
      message: expect.stringContaining(`${server.origin}${LATEST}`),
      hint: expect.stringContaining("agent.apiUrl"),
    });
  });
});
