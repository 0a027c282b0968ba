import { describe, expect, it } from "vitest";
import type { DockerfileOptions } from "../../../../src/sources/engines/options.ts";
import { prepare } from "../../../../src/sources/engines/request.ts";
import { testContext } from "../../../helpers/context.ts";
import { project } from "../../../helpers/project.ts";

const FILES = {
  Dockerfile: "FROM scratch AS build\nFROM scratch AS app\n",
  "docker/dev.Dockerfile": "FROM scratch\n",
  ".npmrc": "secret\n",
  "app,v1/.npmrc": "",
};

function prepared(options: Partial<DockerfileOptions>, env = {}) {
  const cwd = project(FILES);
  const whole = { dockerfile: "Dockerfile", ...options };
  return { cwd, result: prepare(whole, { platform: undefined, cwd }, testContext({ env })) };
}

describe("prepare", () => {
  it("makes paths absolute, and takes the Dockerfile's folder for the context", async () => {
    const { cwd, result } = prepared({ dockerfile: "docker/dev.Dockerfile", secrets: { npm: { file: ".npmrc" } } });
    expect(await result).toEqual({
      hidden: ["secret\n"],
      text: "FROM scratch\n",
      request: {
        dockerfile: `${cwd}/docker/dev.Dockerfile`,
        context: `${cwd}/docker`,
        buildArgs: {},
        secrets: [{ id: "npm", file: `${cwd}/.npmrc` }],
        platform: expect.stringMatching(/^linux\//),
        isCacheable: true,
      },
    });
    const other = prepared({ dockerfile: "docker/dev.Dockerfile", context: "." });
    expect((await other.result).request.context).toBe(other.cwd);
  });

  it("knows a secret by its place only", async () => {
    const { result } = prepared({ secrets: { token: { env: "TOKEN" } } }, { TOKEN: "abc" });
    const { request, hidden } = await result;
    expect(hidden).toEqual(["abc"]);
    expect(JSON.stringify(request)).not.toContain("abc");
  });

  it("takes a secret from any path", async () => {
    const { cwd, result } = prepared({ secrets: { npm: { file: "app,v1/.npmrc" } } });
    expect((await result).request.secrets).toEqual([{ id: "npm", file: `${cwd}/app,v1/.npmrc` }]);
  });

  it("passes SOURCE_DATE_EPOCH on", async () => {
    const ctx = testContext({ epoch: { stampSec: 7, ceilingSec: 7 } });
    const { request } = await prepare({ dockerfile: "Dockerfile" }, { platform: undefined, cwd: project(FILES) }, ctx);
    expect(request.epochSec).toBe(7);
  });

  it.each<[string, Partial<DockerfileOptions>, string, string, string | undefined]>([
    ["a Dockerfile", { dockerfile: "no" }, "io", "/no: no such file", "check the path"],
    ["a folder", { dockerfile: "docker" }, "io", "it is a folder", "/docker/Dockerfile"],
    ["a context", { context: "no" }, "io", "/no does not exist", "source.context, or --context"],
    ["a context that is a file", { context: ".npmrc" }, "io", "is not a folder", "URLs are not read"],
    ["a stage", { target: "buidl" }, "config", 'Dockerfile has no stage "buidl"', 'did you mean "build"?'],
    ["a stage unlike any", { target: "production" }, "config", "no stage", "known: build, app"],
    ["any stage", { dockerfile: "docker/dev.Dockerfile", target: "x" }, "config", "no stage", "FROM IMAGE AS x"],
    ["a secret's file", { secrets: { npm: { file: "no" } } }, "io", 'the secret "npm": cannot read', undefined],
    ["a secret's variable", { secrets: { t: { env: "T" } } }, "config", "T, which is not set", "export T"],
  ])("misses %s", async (_what, options, code, message, hint) => {
    await expect(prepared(options).result).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
      ...(hint !== undefined && { hint: expect.stringContaining(hint) }),
    });
  });
});
