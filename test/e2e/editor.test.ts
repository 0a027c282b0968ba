import { describe, expect, it } from "vitest";
import { z } from "zod";
import { layerSchema } from "../../src/config/schema.ts";
import { HOOK_NAMES } from "../../src/contract/hooks.ts";
import { BUILTIN_STAGES } from "../../src/contract/stage.ts";
import { Editor } from "../helpers/editor.ts";

const editor = new Editor();
const IMPORTS = `import { definePlugin, defineStage } from "@volantvm/fledge";
import nginx from "@volantvm/fledge/presets/nginx";
`;
const KEYS = Object.keys(layerSchema.shape).filter((key) => key !== "meta");
const OF_INITRAMFS = ["init", "busybox", "archive"];

/** The keys that a recipe of a disk image has left when it has said that it is one. */
const REST = KEYS.filter((key) => key !== "strategy" && !OF_INITRAMFS.includes(key)).sort();

const offered = (text: string) => editor.completions(IMPORTS + text).toSorted();
const marked = (text: string) => editor.problems(IMPORTS + text).map(({ at }) => at);

describe("what an editor offers", () => {
  it("is every key of a recipe, and those of its strategy once that is there", () => {
    expect(offered("definePlugin({ ▮ })")).toEqual([...KEYS].sort());
    expect(offered('definePlugin({ strategy: "▮" })')).toEqual(["initramfs", "oci_rootfs"]);
    expect(offered('export default [definePlugin({ strategy: "oci_rootfs", ▮ })]')).toEqual(REST);
  });

  it.each([
    "definePlugin(Promise.resolve({ strategy: 'oci_rootfs', ▮ }))",
    "definePlugin(({ mode }) => ({ name: mode, strategy: 'oci_rootfs', ▮ }))",
    "definePlugin(async () => ({ strategy: 'oci_rootfs', ▮ }))",
    "definePlugin(() => { return { strategy: 'oci_rootfs', ▮ }; })",
    "definePlugin(async () => { return { strategy: 'oci_rootfs', ▮ }; })",
  ])("is the same in %s", (text) => {
    const named = text.includes("name: ") ? ["name"] : [];
    expect(offered(text)).toEqual(expect.arrayContaining(REST.filter((key) => !named.includes(key))));
  });

  it.each([
    ["source: { ▮ }", ["archive", "custom", "dir", "dockerfile", "image", "layout", "tar"]],
    ['filesystem: { type: "▮" }', ["btrfs", "custom", "dir", "ext4", "squashfs", "tar", "xfs"]],
    ['filesystem: { type: "xfs", ▮ }', ["headroom", "label", "preallocate", "size", "uuid"]],
    ["hooks: { ▮ }", HOOK_NAMES.map((name) => `"${name}"`).toSorted()],
    ["hooks: { 'source:pinned'({ ▮ }) {} }", ["fact", "log", "pin", "plugin", "progress", "signal", "warn"]],
    ["hooks: { 'rootfs:ready'({ rootfs }) { rootfs.▮ } }", ["chmod", "putFile", "walk", "writeFile"]],
    ['stages: [{ name: "x", phase: "▮" }]', Object.keys(BUILTIN_STAGES).sort()],
    ['stages: [{ name: "x", phase: "rootfs", after: "▮" }]', [...BUILTIN_STAGES.rootfs].sort()],
    ["extends: [nginx({ ▮ })]", ["headers", "port", "proxy", "site"]],
  ])("is what belongs there: %s", (part, wanted) => {
    expect(offered(`definePlugin({ strategy: "oci_rootfs", ${part} })`)).toEqual(expect.arrayContaining(wanted));
  });
});

describe("what an editor says", () => {
  it.each(KEYS.filter((key) => key !== "strategy"))("of %s is what the schema says", (key) => {
    const strategy = OF_INITRAMFS.includes(key) ? "initramfs" : "oci_rootfs";
    const said = editor.textOf(`${IMPORTS}definePlugin({ strategy: "${strategy}", ▮ })`, key);
    expect(said).toBe(
      z.globalRegistry.get(described(layerSchema.shape[key as keyof typeof layerSchema.shape]))?.description,
    );
    expect(said?.length).toBeGreaterThan(10);
  });

  it.each([
    ["filesystem: { ▮ }", "headroom", /free space/],
    ["source: { ▮ }", "image", /image reference/],
    ["manifest: { workload: { ▮ } }", "entrypoint", /program/],
    ["mappings: { x: { ▮ } }", "mode", /permissions/],
    ["hooks: { ▮ }", '"rootfs:ready"', /last chance to change the tree/],
    ["hooks: { 'rootfs:ready'({ rootfs }) { rootfs.▮ } }", "readFile", /bytes of a file/],
    ["stages: [{ ▮ }]", "after", /runs right behind/],
    ["extends: [nginx({ ▮ })]", "port", /listens/],
  ])("of what is further in: %s %s", (part, name, wanted) => {
    expect(editor.textOf(`${IMPORTS}definePlugin({ strategy: "oci_rootfs", ${part} })`, name)).toMatch(wanted);
  });
});

describe("what an editor marks", () => {
  it.each([
    ["definePlugin({ strategy: 'oci_rootfs', mapings: {} })", "mapings"],
    ["export default [definePlugin({ strategy: 'oci_rootfs', mapings: {} })]", "mapings"],
    ["definePlugin({ strategy: 'oci_rootfs', source: { imgae: 'x' } })", "imgae"],
    ["definePlugin({ strategy: 'oci_rootfs', filesystem: { headrom: '1M' } })", "headrom"],
    ["definePlugin({ strategy: 'oci_rootfs', hooks: { 'rootfs:redy'() {} } })", "'rootfs:redy'"],
    ["definePlugin({ strategy: 'oci_rootfs', hooks: { 'rootfs:ready'({ rotfs }) {} } })", "rotfs"],
    ["nginx({ prot: 80 })", "prot"],
    ["defineStage({ name: 'x', phase: 'rootsf', run() {} })", "phase"],
  ])("is the wrong key of %s", (text, key) => {
    expect(marked(text)).toEqual([key]);
  });

  // A place inside of what a function returns cannot be had from TypeScript: the error is at the function, with the name.
  it.each([
    ["() => ({ strategy: 'oci_rootfs', mapings: {} })", "mapings"],
    ["async () => ({ strategy: 'oci_rootfs', mapings: {} })", "mapings"],
    ["({ mode }) => { return { strategy: 'oci_rootfs', name: mode, init: { none: true } }; }", "init"],
    ["async () => { return { strategy: 'initramfs', filesystem: { type: 'ext4' } }; }", "filesystem"],
  ])("is the function that returns it, with its name: %s", (text, key) => {
    const [problem, ...more] = editor.problems(`${IMPORTS}definePlugin(${text})`);
    expect(more).toEqual([]);
    expect(problem?.at).toBe(text);
    expect(problem?.says).toContain(`"a plugin of this strategy has no such key": "${key}"`);
  });

  it("is nothing of what is right", () => {
    const right = `
      export const plain = definePlugin({ strategy: "oci_rootfs", source: { image: "x" }, extends: [nginx] });
      export const made = definePlugin(async ({ env }) => {
        if (env.SMALL) return { strategy: "initramfs", archive: { compression: "zstd" } };
        return { strategy: "oci_rootfs", hooks: { "rootfs:ready": ({ rootfs }) => void rootfs.rm("/x") } };
      });
      export const stage = defineStage({ name: "x", phase: "rootfs", after: "mine", run: ({ rootfs }) => rootfs.chmod("/x", 0o755) });
    `;
    expect(editor.problems(IMPORTS + right)).toEqual([]);
  });
});

it("is as helpful as Vite's: keys with their text, and a wrong one marked where it is", () => {
  const vite = 'import { defineConfig } from "vite";\n';
  expect(editor.completions(`${vite}defineConfig({ ▮ })`).length).toBeGreaterThan(20);
  expect(editor.textOf(`${vite}defineConfig({ ▮ })`, "plugins")).toMatch(/plugins/);
  expect(editor.problems(`${vite}defineConfig({ plugns: [] })`).map(({ at }) => at)).toEqual(["plugns"]);
});

/** What a partial schema wraps. */
function described(schema: z.ZodOptional<z.ZodType>): z.ZodType {
  return schema.def.innerType;
}

it("has the public types that were looked at (`--update` after a change that is meant)", () => {
  expect(editor.publicTypes()).toMatchSnapshot();
});
