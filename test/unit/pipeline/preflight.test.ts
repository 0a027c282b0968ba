import { describe, expect, it } from "vitest";
import { type Plan, plan } from "../../../src/pipeline/plan.ts";
import { preflight } from "../../../src/pipeline/preflight.ts";
import { smallPlugin } from "../../helpers/plugin.ts";

const tool = (name: string, instead?: string) => ({
  name,
  reason: `run ${name}`,
  package: `${name}-pkg`,
  ...(instead && { instead }),
});
const planned = (more: Partial<Plan>): Plan => ({ ...plan(smallPlugin()), ...more });

describe("preflight", () => {
  it("passes a plan that needs nothing", () => {
    expect(() => preflight(planned({}), {})).not.toThrow();
  });

  it("names all programs that are missing", () => {
    expect(() =>
      preflight(planned({ tools: [tool("a1"), tool("sh"), tool("b2", "use ext4")] }), { PATH: "/bin" }),
    ).toThrow(
      expect.objectContaining({
        code: "tool",
        message: "small cannot be built here: 2 needed programs are missing",
        hint: "sudo apt-get install -y a1-pkg b2-pkg",
        problems: [
          { message: "a1 not found; needed to run a1" },
          { message: "b2 not found; needed to run b2", hint: "or use ext4" },
        ],
      }),
    );
    expect(() => preflight(planned({ tools: [tool("a1")] }), {})).toThrow("1 needed program is missing");
  });

  it("asks for root where it is needed", () => {
    const { getuid } = process;
    try {
      process.getuid = () => 1000;
      expect(() => preflight(planned({ needsRoot: true }), {})).toThrow(
        expect.objectContaining({
          code: "privilege",
          message: "small needs root to be built",
          hint: "run the command with sudo",
        }),
      );
      process.getuid = () => 0;
      expect(() => preflight(planned({ needsRoot: true }), {})).not.toThrow();
    } finally {
      if (getuid) process.getuid = getuid;
    }
  });
});
