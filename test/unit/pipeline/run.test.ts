import { copyFileSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type FledgeHooks, HOOK_NAMES, type HookName } from "../../../src/contract/hooks.ts";
import type { ResolvedInitramfs, ResolvedOciRootfs } from "../../../src/contract/plugin.ts";
import type { AnyStage } from "../../../src/contract/stage.ts";
import { resolveExt4Options } from "../../../src/imagers/ext4/options.ts";
import { Disposer } from "../../../src/lib/dispose.ts";
import { FledgeError } from "../../../src/lib/errors.ts";
import { smallPlugin } from "../../helpers/plugin.ts";
import { runPlugin } from "../../helpers/run-plugin.ts";
import { tempDir } from "../../helpers/temp.ts";

/** Builds and says how it went; nothing is thrown. */
async function run(
  overrides: Partial<ResolvedInitramfs> = {},
  more: { signal?: AbortSignal; disposer?: Disposer } = {},
) {
  return await runPlugin(smallPlugin(overrides), more);
}

/** A hook for each name, which notes that it fired. */
function everyHook(fired: string[], note = ""): Partial<FledgeHooks> {
  return Object.fromEntries(HOOK_NAMES.map((name) => [name, () => void fired.push(name + note)]));
}

const hook = <N extends HookName>(name: N, body: FledgeHooks[N], origin = "fledge.config.ts") => ({
  hooks: [{ origin, hooks: { [name]: body } }],
});

const stage = (one: AnyStage) => ({ stages: [{ origin: "fledge.config.ts", stage: one }] });

describe("a build", () => {
  it("leaves artifact and manifest and says what it did", async () => {
    const { result, events, left, plugin } = await run();
    expect(left).toEqual(["small.cpio", "small.manifest.json"]);
    expect(result).toMatchObject({
      name: "small",
      artifact: { path: join(plugin.outDir, "small.cpio") },
      manifest: { path: join(plugin.outDir, "small.manifest.json") },
      warnings: [],
    });
    const stages = ["skeleton", "mappings", "seal", "check", "write", "manifest", "publish"];
    expect(result?.stages.map((timing) => timing.stage)).toEqual(stages);
    expect(events.flatMap((event) => (event.type === "stage:start" ? [event.stage] : []))).toEqual(stages);
    expect(events.flatMap((event) => (event.type === "stage:done" ? [event.stage] : []))).toEqual(stages);
    expect(events.at(-1)).toEqual({ type: "build:done", plugin: "small", result });
  });

  it("fires the hooks of an initramfs in order, those of low layers first", async () => {
    const fired: string[] = [];
    await run({
      hooks: [
        { origin: "a preset", hooks: everyHook(fired, " 1") },
        { origin: "fledge.config.ts", hooks: everyHook(fired, " 2") },
      ],
    });
    const names = ["config:resolved", "rootfs:merged", "rootfs:ready", "image:written", "manifest:ready", "build:done"];
    expect(fired).toEqual(names.flatMap((name) => [`${name} 1`, `${name} 2`]));
  });

  it("fires the hooks of a disk in order, those of low layers first, and of one with a source two more", async () => {
    const dir = tempDir();
    writeFileSync(join(dir, "app"), "#!/bin/sh\n", { mode: 0o755 });
    mkdirSync(join(dir, "bin"));
    copyFileSync("/bin/busybox", join(dir, "bin/sh"));
    const fired: string[] = [];
    const { archive: _archive, init: _init, busybox: _busybox, ...common } = smallPlugin();
    const plugin: ResolvedOciRootfs = {
      ...common,
      strategy: "oci_rootfs",
      filesystem: resolveExt4Options({}, "small"),
      mappings: [],
      source: { dir },
      manifest: { workload: { entrypoint: ["/app"], baseUrl: "http://127.0.0.1:80" } },
      hooks: [
        { origin: "a preset", hooks: everyHook(fired, " 1") },
        { origin: "fledge.config.ts", hooks: everyHook(fired, " 2") },
      ],
    };
    const { error } = await runPlugin(plugin);
    expect(error).toBeUndefined();
    const names = HOOK_NAMES.filter((name) => name !== "build:error");
    expect(names).toContain("source:pinned");
    expect(fired).toEqual(names.flatMap((name) => [`${name} 1`, `${name} 2`]));
  });

  it("says of a failed build that it failed, after the hooks that ran", async () => {
    const fired: string[] = [];
    await run({
      hooks: [{ origin: "x", hooks: everyHook(fired) }],
      ...stage({
        name: "mine",
        phase: "image",
        run: () => {
          throw new Error("on purpose");
        },
      }),
    });
    expect(fired).toEqual(["config:resolved", "rootfs:merged", "rootfs:ready", "build:error"]);
  });

  it("lets a hook change the tree and the manifest", async () => {
    const { result } = await run({
      hooks: [
        {
          origin: "x",
          hooks: {
            "rootfs:ready": ({ rootfs }) => rootfs.writeFile("/etc/extra", "x".repeat(5000)),
            "manifest:ready": ({ manifest }) => void Object.assign(manifest, { labels: { a: "b" } }),
          },
        },
      ],
    });
    expect(result?.artifact.sizeBytes).toBeGreaterThan(5000);
    expect(result?.manifest?.document).toMatchObject({ labels: { a: "b" } });
  });
});

describe("a folder that holds the artifact", () => {
  it.each(["mapped", "a source"])(
    "as %s goes into it without that, so that the next build is the same",
    async (how) => {
      const outDir = tempDir();
      writeFileSync(join(outDir, "page"), "page");
      const { mappings } = smallPlugin();
      const folder = { key: 'mappings["./"]', from: outDir, to: "/srv" };
      const more = how === "mapped" ? { mappings: [...mappings, folder] } : { source: { dir: outDir } };
      const first = await run({ outDir, ...more });
      const second = await run({ outDir, ...more });
      expect([first.error, second.error]).toEqual([undefined, undefined]);
      expect(second.result?.artifact.digest).toBe(first.result?.artifact.digest);
    },
  );
});

describe("a fact", () => {
  it("of a hook or a stage is in the result and an event, one of build:done too", async () => {
    const { result, events } = await run({
      ...stage({
        name: "count",
        phase: "rootfs",
        run: ({ rootfs }, { fact }) => fact("files", [...rootfs.walk()].length),
      }),
      ...hook("build:done", ({ fact, result: told }) => fact("told", Object.keys(told.facts))),
    });
    expect(result?.facts).toEqual({ files: expect.any(Number), told: ["files"] });
    const facts = events.filter((event) => event.type === "fact");
    expect(facts.map(({ name, value }) => [name, value])).toEqual(Object.entries(result?.facts ?? {}));
    expect(events.at(-1)).toMatchObject({ type: "build:done", result: { facts: result?.facts } });
  });

  it("that is said twice fails the build, and names who did", async () => {
    const say = hook("image:written", ({ fact }) => fact("size", 1), "the preset ./p").hooks;
    const again = hook("manifest:ready", ({ fact }) => fact("size", 2)).hooks;
    const { error, left } = await run({ hooks: [...say, ...again] });
    expect(error).toMatchObject({
      code: "hook",
      message:
        'hook "manifest:ready" of fledge.config.ts failed: the fact "size" is stated twice: "image:written" did so before "manifest:ready"',
      hint: expect.stringContaining("own name"),
    });
    expect(left).toEqual([]);
  });
});

describe("a failure", () => {
  it.each([
    "config:resolved",
    "rootfs:merged",
    "rootfs:ready",
    "image:written",
    "manifest:ready",
    "build:done",
  ] as const)("of the hook %s names it and leaves nothing", async (name) => {
    const fired: unknown[] = [];
    const fail = () => {
      throw new Error("on purpose");
    };
    const { error, left } = await run({
      hooks: [
        { origin: "the preset ./p", hooks: { [name]: fail } },
        { origin: "x", hooks: { "build:error": ({ error: told }) => void fired.push(told) } },
      ],
    });
    expect(error).toMatchObject({ code: "hook", message: `hook "${name}" of the preset ./p failed: on purpose` });
    expect(fired).toEqual([error]);
    expect(left).toEqual([]);
  });

  it("of a stage names it, keeps its hint, and leaves nothing", async () => {
    const { error, left, events } = await run(
      stage({
        name: "mine",
        phase: "artifact",
        run: () => {
          throw new FledgeError("io", "no luck", { hint: "try harder" });
        },
      }),
    );
    const message = 'stage "mine" of fledge.config.ts failed: no luck';
    expect(error).toMatchObject({ code: "stage", message, hint: "try harder" });
    expect(left).toEqual([]);
    expect(events.at(-1)).toMatchObject({ type: "stage:failed", stage: "mine", message });
  });

  it("after the files are in place takes them away again", async () => {
    const fail = (): void => {
      throw new Error("late");
    };
    const { left, error } = await run(stage({ name: "late", phase: "artifact", after: "publish", run: fail }));
    expect(error).toMatchObject({ message: 'stage "late" of fledge.config.ts failed: late' });
    expect(left).toEqual([]);
  });

  it("to write the manifest takes the artifact away again", async () => {
    const outDir = tempDir();
    mkdirSync(join(outDir, "small.manifest.json"));
    const { left, error } = await run({ outDir });
    expect(error).toMatchObject({ code: "io" });
    expect(left).toEqual(["small.manifest.json"]);
  });

  it("of fledge's own stage is passed on as it is", async () => {
    const { error } = await run({ mappings: [{ from: "/nonexistent", to: "/init", key: "k" }] });
    expect(error).toMatchObject({ code: "config", message: "k: /nonexistent does not exist" });
  });

  it("of build:error does not hide the error that it was told of", async () => {
    const { error, warnings } = await run({
      mappings: [{ from: "/nonexistent", to: "/init", key: "k" }],
      ...hook("build:error", () => {
        throw new Error("me too");
      }),
    });
    expect(error).toMatchObject({ message: "k: /nonexistent does not exist" });
    expect(warnings).toEqual(['hook "build:error" of fledge.config.ts failed: me too']);
  });
});

describe("a cleanup that fails", () => {
  const broken = (): Disposer => {
    const disposer = new Disposer();
    disposer.defer(() => {
      throw new Error("still busy");
    });
    return disposer;
  };

  it("is a warning of a build that succeeded", async () => {
    const { result, warnings, events } = await run({}, { disposer: broken() });
    expect(warnings).toEqual(["could not clean up: still busy"]);
    expect(result?.warnings).toEqual([{ message: "could not clean up: still busy" }]);
    expect(events.at(-1)?.type).toBe("build:done");
  });

  it("is a warning of a build that failed", async () => {
    const { error, warnings } = await run(
      { mappings: [{ from: "/nonexistent", to: "/init", key: "k" }] },
      { disposer: broken() },
    );
    expect(error).toMatchObject({ message: "k: /nonexistent does not exist" });
    expect(warnings).toEqual(["could not clean up: still busy"]);
  });
});

function endlessly(abort: AbortController): Promise<void> {
  setTimeout(() => abort.abort(), 20);
  return new Promise(() => {});
}

describe("an abort", () => {
  it.each<[string, AnyStage["phase"], (abort: AbortController) => void | Promise<void>]>([
    ["in a stage that never ends", "artifact", endlessly],
    ["in a stage that goes on regardless", "image", (abort) => abort.abort()],
    [
      "in a stage that makes an error of it",
      "rootfs",
      (abort) => {
        abort.abort();
        throw new Error("interrupted system call");
      },
    ],
  ])("%s leaves nothing", async (_name, phase, body) => {
    const abort = new AbortController();
    const fired: string[] = [];
    const { error, left } = await run(
      {
        ...stage({ name: "mine", phase, run: () => body(abort) } as AnyStage),
        hooks: [{ origin: "x", hooks: everyHook(fired) }],
      },
      { signal: abort.signal },
    );
    expect(error).toMatchObject({ code: "aborted", message: "the build was interrupted" });
    expect(left).toEqual([]);
    expect(fired.at(-1)).toBe("build:error");
  });

  it("before the start runs nothing", async () => {
    const { events, error } = await run({}, { signal: AbortSignal.abort() });
    expect(error).toMatchObject({ code: "aborted" });
    expect(events).toEqual([]);
  });
});

it("what lies in the output folder stays", async () => {
  const outDir = tempDir();
  writeFileSync(join(outDir, "other"), "");
  expect((await run({ outDir })).left).toEqual(["other", "small.cpio", "small.manifest.json"]);
});

it("that fails takes the output folders along that it has made, and no other", async () => {
  const base = tempDir();
  mkdirSync(join(base, "mine"));
  const fail = (): void => {
    throw new Error("late");
  };
  const { error } = await run({ outDir: join(base, "mine/a/b"), ...hook("image:written", fail) });
  expect(error).toMatchObject({ code: "hook" });
  expect([readdirSync(base), readdirSync(join(base, "mine"))]).toEqual([["mine"], []]);
  await run({ outDir: join(base, "mine/a/b") });
  expect(existsSync(join(base, "mine/a/b/small.cpio"))).toBe(true);
});

it.each([0, 0o022, 0o077])("gives artifact and manifest the mode that the umask %o says", async (mask) => {
  const before = process.umask(mask);
  try {
    const { plugin, left } = await run();
    const modes = left.map((name) => statSync(join(plugin.outDir, name)).mode & 0o777);
    expect(modes).toEqual([0o666 & ~mask, 0o666 & ~mask]);
  } finally {
    process.umask(before);
  }
});
