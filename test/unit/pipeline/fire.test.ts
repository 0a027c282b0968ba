import { describe, expect, it } from "vitest";
import type { HookLayer, HookName } from "../../../src/contract/hooks.ts";
import { FledgeError } from "../../../src/lib/errors.ts";
import { fire as fireHooks, type HookContext, originsOf } from "../../../src/pipeline/fire.ts";
import { BuildGuard } from "../../../src/pipeline/user-code.ts";
import { testContext } from "../../helpers/context.ts";
import { smallPlugin } from "../../helpers/plugin.ts";

/** Fires hooks of layers as a build does. */
function hookRunner(layers: readonly HookLayer[]) {
  const guard = new BuildGuard(new AbortController().signal, () => {});
  return <N extends HookName>(name: N, context: HookContext<N>, ctx: ReturnType<typeof testContext>) =>
    fireHooks(name, { layers, guard, contextFor: () => context }, ctx);
}

describe("fire", () => {
  it("runs one after the other, the low layer first, with the context", async () => {
    const said: string[] = [];
    const ctx = testContext();
    const fire = hookRunner([
      {
        origin: "a",
        hooks: {
          "config:resolved": async ({ plugin, log }) => {
            await new Promise((resolve) => setTimeout(resolve, 10));
            said.push(plugin.name);
            log("from a");
          },
        },
      },
      { origin: "b", hooks: { "config:resolved": ({ signal }) => void said.push(String(signal.aborted)) } },
    ]);
    await fire("config:resolved", { plugin: smallPlugin() }, ctx);
    expect([said, ctx.logs]).toEqual([["small", "false"], ["from a"]]);
    await fire("build:done", { plugin: smallPlugin(), result: {} as never }, ctx);
  });

  it.each([
    [new Error("oh"), undefined],
    ["oh", undefined],
    [new FledgeError("io", "oh", { hint: "so" }), "so"],
  ])("says whose hook threw %s", async (thrown, hint) => {
    const fail = (): never => {
      throw thrown;
    };
    const fire = hookRunner([{ origin: "the preset ./p", hooks: { "config:resolved": fail } }]);
    await expect(fire("config:resolved", { plugin: smallPlugin() }, testContext())).rejects.toMatchObject({
      code: "hook",
      message: 'hook "config:resolved" of the preset ./p failed: oh',
      hint,
      cause: thrown,
    });
  });

  it("passes an abort on", async () => {
    const aborted = new FledgeError("aborted", "stop");
    const fire = hookRunner([{ origin: "a", hooks: { "config:resolved": () => Promise.reject(aborted) } }]);
    await expect(fire("config:resolved", { plugin: smallPlugin() }, testContext())).rejects.toBe(aborted);
  });
});

it("originsOf names the layers that have such a hook", () => {
  const layers = [
    { origin: "a", hooks: { "build:done": () => {} } },
    { origin: "b", hooks: {} },
    { origin: "c", hooks: { "build:done": () => {} } },
  ];
  expect(originsOf(layers, "build:done")).toEqual(["a", "c"]);
});
