import { writeFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import type { Requirement } from "../../../src/lib/process/requirements.ts";
import { plan } from "../../../src/pipeline/plan.ts";
import { preflight } from "../../../src/pipeline/preflight.ts";
import { testProgram } from "../../../src/testing/image.ts";
import { smallPlugin } from "../../helpers/plugin.ts";
import { tempDir } from "../../helpers/temp.ts";

const tool = (name: string, instead?: string): Requirement => ({
  kind: "tool",
  anyOf: [{ name, reason: `run ${name}`, package: `${name}-pkg`, ...(instead && { instead }) }],
});
const run = (requirements: Requirement[]) =>
  preflight({ ...plan(smallPlugin()), requirements }, { env: { PATH: "/bin" }, signal: new AbortController().signal });

describe("preflight", () => {
  const { getuid } = process;
  afterEach(() => {
    if (getuid) process.getuid = getuid;
  });

  it("passes a plan that needs nothing", async () => {
    await run([]);
  });

  it("names all that is missing", async () => {
    await expect(run([tool("a1"), tool("sh"), tool("b2", "use ext4")])).rejects.toMatchObject({
      code: "tool",
      message: "small cannot be built here",
      problems: [
        { message: "a1 not found; needed to run a1", hint: "sudo apt-get install -y a1-pkg" },
        { message: "b2 not found; needed to run b2", hint: "sudo apt-get install -y b2-pkg, or use ext4" },
      ],
    });
  });

  it("names all mapped files that are missing, unless a hook may make them", async () => {
    const mappings = ["a", "b"].map((name) => ({
      from: `/nonexistent/${name}`,
      to: "/init",
      key: `mappings["${name}"]`,
    }));
    const machine = { env: {}, signal: new AbortController().signal };
    await expect(preflight(plan(smallPlugin({ mappings })), machine)).rejects.toMatchObject({
      code: "config",
      message: "2 of the mapped paths do not exist",
      problems: [
        { message: 'mappings["a"]: /nonexistent/a does not exist' },
        { message: expect.stringContaining("/nonexistent/b") },
      ],
    });
    const hooks = [{ origin: "x", hooks: { "config:resolved": () => {} } }];
    await preflight(plan(smallPlugin({ mappings, hooks })), machine);
  });

  it("finds a BusyBox and an agent of another machine before any work", async () => {
    const [busybox, agent] = [tempDir(), tempDir()].map((folder) => `${folder}/program`) as [string, string];
    writeFileSync(busybox, testProgram("amd64"));
    writeFileSync(agent, testProgram("arm64"));
    const platform = { os: "linux", architecture: "arm64" };
    const machine = { env: {}, signal: new AbortController().signal };
    const build = { platform, busybox: { path: busybox }, agent: { path: agent } };
    await expect(preflight(plan(smallPlugin(build)), machine)).rejects.toMatchObject({
      code: "config",
      message: `busybox: ${busybox} is a 64-bit x86_64 program, but the guest is arm64`,
      hint: "name one for linux/arm64",
    });
  });

  it("looks for a project's init before any work", async () => {
    const init = { mode: "custom", run: "/usr/lib/fledge/init", from: "/nonexistent/init.sh" } as const;
    const run = preflight(plan(smallPlugin({ init })), { env: {}, signal: new AbortController().signal });
    await expect(run).rejects.toMatchObject({
      code: "config",
      message: "init.path: /nonexistent/init.sh does not exist",
    });
  });

  it("asks for root where it is needed", async () => {
    const root: Requirement = { kind: "root", reason: "mount the image" };
    process.getuid = () => 1000;
    await expect(run([root])).rejects.toMatchObject({
      code: "privilege",
      problems: [{ message: "this is not root; needed to mount the image", hint: "run the command with sudo" }],
    });
  });
});
