import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { FledgeHooks } from "../../../src/contract/hooks.ts";
import type { AnyStage, StageContext } from "../../../src/contract/stage.ts";
import type { RootfsTree } from "../../../src/rootfs/tree.ts";
import { smallPlugin } from "../../helpers/plugin.ts";
import { runPlugin } from "../../helpers/run-plugin.ts";

const hooks = (own: Partial<FledgeHooks>) => ({ hooks: [{ origin: "fledge.config.ts", hooks: own }] });

/** A later stage that gives what was left behind the time to go on. */
const pause = (phase: "rootfs" | "image" | "artifact"): AnyStage => ({
  name: `pause-${phase}`,
  phase,
  run: () => sleep(60),
});

const paused = { stages: [{ origin: "x", stage: pause("artifact") }] };

/** Runs `later` in 20 ms, and keeps what it throws from being anybody's. */
function leave(later: () => void): void {
  void sleep(20)
    .then(later)
    .catch(() => {});
}

describe("what a hook is handed", () => {
  it.each<[string, (rootfs: RootfsTree) => void]>([
    ['rootfs.writeFile("/etc/late")', (rootfs) => rootfs.writeFile("/etc/late", "x")],
    ['rootfs.readFile("/init")', (rootfs) => rootfs.readFile("/init")],
    ['rootfs.rm("/init")', (rootfs) => rootfs.rm("/init")],
    ['rootfs.exists("/init")', (rootfs) => rootfs.exists("/init")],
    ["rootfs.walk()", (rootfs) => [...rootfs.walk()]],
    ["rootfs.root", (rootfs) => rootfs.root],
  ])("is refused later: %s", async (what, use) => {
    const { error, left, events } = await runPlugin(
      smallPlugin({ ...hooks({ "rootfs:ready": ({ rootfs }) => leave(() => use(rootfs)) }), ...paused }),
    );
    expect(error).toMatchObject({
      code: "hook",
      message: expect.stringContaining(
        `hook "rootfs:ready" of fledge.config.ts went on after it had returned: it used ${what}`,
      ),
      hint: expect.stringContaining("await"),
    });
    expect(left).toEqual([]);
    expect(events.at(-1)).toMatchObject({ type: "stage:failed" });
  });

  it.each<[string, (ctx: StageContext) => void]>([
    ["warn()", ({ warn }) => warn({ message: "late" })],
    ['fact("late")', ({ fact }) => fact("late", 1)],
    ['log("late")', ({ log }) => log("late")],
    ["progress()", ({ progress }) => progress(1, 2)],
  ])("is refused later: %s", async (what, use) => {
    const { error } = await runPlugin(
      smallPlugin({ ...hooks({ "config:resolved": (context) => leave(() => use(context)) }), ...paused }),
    );
    expect(error).toMatchObject({ code: "hook", message: expect.stringContaining(`it used ${what}`) });
  });

  it("is refused to a method that was taken out, and to an iterator that was begun", async () => {
    for (const begin of [
      (rootfs: RootfsTree) => {
        const { mkdir } = rootfs;
        return () => mkdir("/late");
      },
      (rootfs: RootfsTree) => {
        const entries = rootfs.walk();
        entries.next();
        return () => entries.next();
      },
    ]) {
      const { error } = await runPlugin(
        smallPlugin({ ...hooks({ "rootfs:ready": ({ rootfs }) => leave(begin(rootfs)) }), ...paused }),
      );
      expect(error).toMatchObject({ code: "hook", message: expect.stringContaining("went on after it had returned") });
    }
  });

  it("is refused to another hook, which kept it", async () => {
    let kept: RootfsTree | undefined;
    const { error } = await runPlugin(
      smallPlugin(
        hooks({
          "rootfs:merged": ({ rootfs }) => {
            kept = rootfs;
          },
          "build:done": () => void kept?.writeFile("/etc/late", "x"),
        }),
      ),
    );
    expect(error).toMatchObject({ code: "hook", message: expect.stringContaining('hook "rootfs:merged"') });
  });

  it("works for as long as the hook takes, and in helpers of its own", async () => {
    const { error, result, plugin } = await runPlugin(
      smallPlugin(
        hooks({
          "rootfs:ready": async (context) => {
            await sleep(5);
            context.rootfs.writeFile("/etc/text", "in time");
            const names = [...context.rootfs.walk()].map(({ path }) => path);
            context.fact("names", names.length);
            context.warn({ message: "look" });
          },
        }),
      ),
    );
    expect(error).toBeUndefined();
    expect(result?.facts).toEqual({ names: expect.any(Number) });
    expect(result?.warnings).toEqual([{ message: "look", from: 'hook "rootfs:ready" of fledge.config.ts' }]);
    expect(readFileSync(`${plugin.outDir}/small.cpio`, "latin1")).toContain("in time");
  });

  it("may not be changed later by way of a node that was kept", async () => {
    const changed: unknown[] = [];
    const { error } = await runPlugin(
      smallPlugin({
        ...hooks({
          "rootfs:ready": ({ rootfs }) => {
            const node = rootfs.root.children.values().next().value;
            void sleep(20)
              .then(() => {
                if (node !== undefined) node.mode = 0;
              })
              .catch((thrown: unknown) => changed.push(thrown));
          },
        }),
        ...paused,
      }),
    );
    expect(error).toBeUndefined();
    expect(changed).toEqual([expect.any(TypeError)]);
  });

  it("is a manifest of its own, which counts as it was when the hook ended", async () => {
    const thrown: unknown[] = [];
    const { result } = await runPlugin(
      smallPlugin({
        ...hooks({
          "manifest:ready": ({ manifest }) => {
            Object.assign(manifest, { labels: { a: "in time" } });
            void sleep(20)
              .then(() => Object.assign(manifest.labels ?? {}, { a: "late" }))
              .catch((error: unknown) => thrown.push(error));
          },
        }),
        ...paused,
      }),
    );
    expect(result?.manifest?.document.labels).toEqual({ a: "in time" });
    expect(thrown).toEqual([expect.any(TypeError)]);
  });
});

describe("what a stage is handed", () => {
  it("works while it runs", async () => {
    const late: AnyStage = { name: "late", phase: "rootfs", run: ({ rootfs }) => leave(() => rootfs.mkdir("/late")) };
    const { error } = await runPlugin(
      smallPlugin({
        stages: [
          { origin: "fledge.config.ts", stage: late },
          { origin: "x", stage: pause("image") },
        ],
      }),
    );
    expect(error).toMatchObject({
      code: "stage",
      message: 'stage "late" of fledge.config.ts went on after it had returned: it used rootfs.mkdir("/late")',
      problems: [{ file: expect.stringContaining("late.test.ts"), line: expect.any(Number) }],
    });
  });
});

it("use after the build has ended is a warning", async () => {
  let kept: StageContext["warn"] | undefined;
  const { error, result, warnings, ended } = await runPlugin(
    smallPlugin(
      hooks({
        "build:done": ({ warn }) => {
          kept = warn;
        },
      }),
    ),
  );
  expect([error, warnings]).toEqual([undefined, []]);
  expect(() => kept?.({ message: "late" })).toThrow("went on after it had returned");
  expect(ended()).toEqual([
    expect.stringContaining('hook "build:done" of fledge.config.ts went on after it had returned'),
  ]);
  expect(result?.warnings).toEqual([]);
});

it("a hook of the end that waits for ever does not keep an interrupt from ending the build", async () => {
  const controller = new AbortController();
  const { error, left } = await runPlugin(
    smallPlugin(
      hooks({
        "build:done": () => {
          controller.abort();
          return new Promise(() => {});
        },
      }),
    ),
    { signal: controller.signal },
  );
  expect(error).toMatchObject({ code: "aborted" });
  expect(left).toEqual([]);
});
