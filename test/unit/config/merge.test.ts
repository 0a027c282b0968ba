import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Layer } from "../../../src/config/layers.ts";
import { mergeLayers, mergeValues } from "../../../src/config/merge.ts";
import { type LayerInput, layerSchema } from "../../../src/config/schema.ts";

const merge = (low: LayerInput, high: LayerInput) => mergeValues(layerSchema, low, high) as LayerInput;

describe("mergeValues", () => {
  it("merges objects and records, and replaces arrays and scalars", () => {
    expect(
      merge(
        {
          name: "low",
          version: "1",
          manifest: { labels: { a: "1", b: "1" }, workload: { entrypoint: ["a", "b"], baseUrl: "http://x" } },
          mappings: { "/a": "/a", "/b": { to: "/b", uid: 1 } },
        },
        {
          name: "high",
          manifest: { labels: { b: "2" }, workload: { entrypoint: ["c"] } },
          mappings: { "/a": { to: "/A" }, "/b": { to: "/b", gid: 2 } },
        },
      ),
    ).toEqual({
      name: "high",
      version: "1",
      manifest: { labels: { a: "1", b: "2" }, workload: { entrypoint: ["c"], baseUrl: "http://x" } },
      mappings: { "/a": { to: "/A" }, "/b": { to: "/b", uid: 1, gid: 2 } },
    });
  });

  it("takes a variant that names none for the default, or for the kind of what is below it", () => {
    const tar = { filesystem: { type: "tar" } } as const;
    expect(merge({ filesystem: { headroom: "1M" } }, { filesystem: { size: "1G" } })).toEqual({
      filesystem: { headroom: "1M", size: "1G" },
    });
    expect(merge({ filesystem: { headroom: "1M" } }, tar)).toEqual(tar);
    expect(merge(tar, { filesystem: {} })).toEqual(tar);
    expect(merge(tar, { filesystem: { type: "ext4" } })).toEqual({ filesystem: { type: "ext4" } });
  });

  it("replaces a variant of another kind whole, and merges one of the same kind", () => {
    const low: LayerInput = {
      source: { dockerfile: "Dockerfile", target: "a" },
      agent: { release: "v1", repository: "a/b" },
      init: { path: "/init", exec: true },
      busybox: { url: "https://x", sha256: "ab" },
    };
    expect(
      merge(low, { source: { image: "nginx" }, agent: { url: "u" }, init: { none: true }, busybox: false }),
    ).toEqual({
      source: { image: "nginx" },
      agent: { url: "u" },
      init: { none: true },
      busybox: false,
    });
    expect(merge(low, { source: { dockerfile: "Other" }, agent: { release: "v2" } })).toMatchObject({
      source: { dockerfile: "Other", target: "a" },
      agent: { release: "v2", repository: "a/b" },
    });
    expect(merge({ filesystem: { type: "ext4", label: "x" } }, { filesystem: { headroom: "1M" } })).toEqual({
      filesystem: { type: "ext4", label: "x", headroom: "1M" },
    });
  });

  it("keeps a function and does not look into instances of classes", () => {
    const url = (name: string) => `https://x/${name}`;
    expect(merge({ manifest: { url: "a" } }, { manifest: { url } })).toEqual({ manifest: { url } });
  });
});

const text = fc.constantFrom("a", "b", "c");
const labels = fc.dictionary(text, text);
const layer: fc.Arbitrary<LayerInput> = fc.record(
  {
    name: text,
    manifest: fc.record(
      { labels, workload: fc.record({ args: fc.array(text) }, { requiredKeys: [] }) },
      { requiredKeys: [] },
    ),
    source: fc.oneof(
      fc.record({ image: text }),
      fc.record({ dockerfile: text, target: text }, { requiredKeys: ["dockerfile"] }),
      fc.record({ dir: text }),
    ),
    agent: fc.oneof(fc.record({ path: text }), fc.constant(false as const)),
    mappings: fc.dictionary(text, fc.oneof(text, fc.record({ to: text, uid: fc.nat(3) }, { requiredKeys: ["to"] }))),
  },
  { requiredKeys: [] },
);

describe("mergeValues, for any layers", () => {
  it("is idempotent, and an empty layer changes nothing", () => {
    fc.assert(
      fc.property(layer, (a) => {
        expect(merge(a, a)).toEqual(a);
        expect(merge(a, {})).toEqual(a);
        expect(merge({}, a)).toEqual(a);
      }),
    );
  });

  it("is associative while unions keep their kind, and the highest scalar, array and variant win", () => {
    fc.assert(
      fc.property(layer, layer, layer, (a, b, c) => {
        const { source: _a, mappings: _m, ...low } = a;
        expect(merge(merge(low, b), c)).toMatchObject({
          ...(c.name && { name: c.name }),
          ...(c.source && { source: c.source }),
        });
        const plain = ({ source: _source, mappings: _mappings, ...rest }: LayerInput) => rest;
        expect(merge(merge(plain(a), plain(b)), plain(c))).toEqual(
          merge(plain(a), merge(plain(b), plain(c)) as LayerInput),
        );
      }),
    );
  });

  it("ignores undefined and null, and changes neither of its inputs", () => {
    fc.assert(
      fc.property(layer, layer, (a, b) => {
        const holes = { ...b, version: undefined, platform: null } as unknown as LayerInput;
        const before = structuredClone([a, b]);
        expect(merge({ ...a, version: "1", platform: "p" }, holes)).toMatchObject({ version: "1", platform: "p" });
        expect([a, b]).toEqual(before);
      }),
    );
  });
});

it("keeps the hooks and stages of every layer, the lowest first", () => {
  const of = (origin: string, hooked: boolean): Layer => ({
    origin,
    file: origin,
    values: {},
    hooks: hooked ? { "build:done": () => {} } : undefined,
    stages: [{ name: origin, phase: "rootfs", run: () => {} }],
    mappingKeys: new Map(),
    warnings: [],
    inferred: [],
  });
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string(), fc.boolean())), (rows) => {
      const { hooks, stages } = mergeLayers(rows.map(([origin, hooked]) => of(origin, hooked)));
      expect(hooks.map(({ origin }) => origin)).toEqual(rows.filter(([, hooked]) => hooked).map(([origin]) => origin));
      expect(stages.map(({ origin }) => origin)).toEqual(rows.map(([origin]) => origin));
    }),
  );
});
