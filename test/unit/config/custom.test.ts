import { describe, expect, it } from "vitest";
import { defineImager, defineSource } from "../../../src/config/define.ts";
import { mergeValues } from "../../../src/config/merge.ts";
import { loadPlugins } from "../../../src/config/project.ts";
import { layerSchema } from "../../../src/config/schema.ts";
import type { FledgeError } from "../../../src/lib/errors.ts";
import { project } from "../../helpers/project.ts";

const source = defineSource({
  name: "nothing",
  pin: async () => ({ reference: "nothing" }),
  async *layers() {},
});
const imager = defineImager({
  name: "x",
  suffix: ".x",
  isBootable: false,
  write: async () => ({ sizeBytes: 0, digest: `sha256:${"0".repeat(64)}` }),
});

async function problemsOf(recipe: object): Promise<string[]> {
  const config = { name: "x", strategy: "oci_rootfs", source: { dir: "." }, ...recipe };
  const error = await loadPlugins({ cwd: project({}), config: config as never }).then(
    () => undefined,
    (thrown: unknown) => thrown as FledgeError,
  );
  expect(error?.code).toBe("config");
  return error?.problems.map(({ message, hint }) => (hint === undefined ? message : `${message} (${hint})`)) ?? [];
}

describe("a malformed source", () => {
  it.each([
    [{ name: "", pin: () => {}, layers: () => {} }, ["source.custom.name: needs a text"]],
    [
      { name: "x", pin: "yes", layer: () => {} },
      [
        'source.custom.layer: unknown key (did you mean "layers"?)',
        "source.custom.pin: is not a function",
        "source.custom.layers: is not a function",
      ],
    ],
    [
      { name: "x", pin: () => {}, layers: () => {}, imgae: () => {} },
      ['source.custom.imgae: unknown key (did you mean "image"?)'],
    ],
    ["debian", ['source.custom: expected a source, as defineSource() takes it, got "debian"']],
  ])("is a problem of the config: %j", async (custom, problems) => {
    expect(await problemsOf({ source: { custom } })).toEqual(problems);
  });

  it("does not go with another kind", async () => {
    expect(await problemsOf({ source: { custom: source, tar: "x.tar" } })).toEqual([
      'source: "tar" and "custom" exclude each other (keep one of them)',
    ]);
  });
});

describe("a malformed imager", () => {
  it.each([
    [
      { name: "x", suffix: "a/b", write: () => {} },
      [
        "filesystem.imager.isBootable: is not true or false",
        "filesystem.imager.suffix: is part of a file name and has no slash",
      ],
    ],
    [
      { name: "x", suffix: ".x", isBootable: true, write: () => {}, verfy: () => {} },
      ['filesystem.imager.verfy: unknown key (did you mean "verify"?)'],
    ],
    [undefined, ["filesystem.imager: is missing (expected an imager, as defineImager() takes it)"]],
  ])("is a problem of the config: %j", async (custom, problems) => {
    expect(await problemsOf({ filesystem: { type: "custom", imager: custom } })).toEqual(problems);
  });
});

it("what is the user's is not frozen, and keeps its this", async () => {
  class Counter {
    name = "counter";
    pins = 0;
    async pin() {
      this.pins += 1;
      return { reference: `${this.pins}` };
    }
    async *layers() {}
  }
  const counter = new Counter();
  const stateful = { ...imager, written: 0 };
  const [plugin] = await loadPlugins({
    cwd: project({}),
    config: {
      strategy: "oci_rootfs",
      source: { custom: counter },
      filesystem: { type: "custom", imager: stateful },
    },
  });
  expect(Object.isFrozen(plugin)).toBe(true);
  expect(Object.isFrozen(stateful)).toBe(false);
  const resolved = plugin?.source;
  if (resolved === undefined || !("custom" in resolved)) throw new Error("not a custom source");
  expect(await resolved.custom.pin({} as never)).toEqual({ reference: "1" });
  expect(counter.pins).toBe(1);
});

it("a custom source replaces a lower one whole, and is replaced whole", () => {
  const { source: sources, filesystem } = layerSchema.shape;
  const own = { custom: source };
  expect(mergeValues(sources, { image: "nginx", platform: "linux/arm64" }, own)).toEqual(own);
  expect(mergeValues(sources, own, { image: "nginx" })).toEqual({ image: "nginx" });
  const other = { custom: { ...source, name: "other" } };
  expect(mergeValues(sources, own, other)).toEqual(other);
  const custom = { type: "custom", imager };
  expect(mergeValues(filesystem, { type: "ext4", headroom: "1G" }, custom)).toEqual(custom);
});

it("a text format has neither", async () => {
  const toml = (text: string) => loadPlugins({ cwd: project({ "fledge.toml": text }) });
  const base = '[plugin]\nname = "x"\nstrategy = "oci_rootfs"\n';
  await expect(toml(`${base}[source]\ncustom = "debian"\n`)).rejects.toMatchObject({
    problems: [{ message: "source.custom: unknown key" }],
  });
  await expect(toml(`${base}[source]\ndir = "."\n[filesystem]\ntype = "custom"\n`)).rejects.toMatchObject({
    problems: [
      { message: expect.stringMatching(/^filesystem.type: expected "ext4"(?!.*custom" or).*, got "custom"$/) },
    ],
  });
});
