import { afterEach, describe, expect, it } from "vitest";
import type { Requirement } from "../../../src/lib/requirements.ts";
import { plan } from "../../../src/pipeline/plan.ts";
import { preflight } from "../../../src/pipeline/preflight.ts";
import { smallPlugin } from "../../helpers/plugin.ts";

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
      hint: "sudo apt-get install -y a1-pkg; sudo apt-get install -y b2-pkg",
      problems: [
        { message: "a1 not found; needed to run a1" },
        { message: "b2 not found; needed to run b2", hint: "or use ext4" },
      ],
    });
  });

  it("asks for root where it is needed", async () => {
    const root: Requirement = { kind: "root", reason: "mount the image" };
    process.getuid = () => 1000;
    await expect(run([root])).rejects.toMatchObject({
      code: "privilege",
      hint: "run the command with sudo",
      problems: [{ message: "this is not root; needed to mount the image" }],
    });
  });
});
