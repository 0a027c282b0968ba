import { describe, expect, it } from "vitest";
import type { Descriptor } from "../../../../src/sources/oci/manifest.ts";
import { parsePlatform } from "../../../../src/sources/oci/platform.ts";
import { choose, resolveImage } from "../../../../src/sources/oci/resolve.ts";
import { checkDigest, type ImageStorage } from "../../../../src/sources/oci/storage.ts";
import { makeImage, makeIndex, sampleLayers, type TestImage } from "../../../helpers/images.ts";
import { pullContext } from "../../../helpers/pull.ts";

const image = makeImage({ layers: sampleLayers() });
const arm = makeImage({ layers: sampleLayers(), architecture: "arm", variant: "v7" });

function storageOf(top: Pick<TestImage, "descriptor" | "blobs">): ImageStorage {
  const bytesOf = (digest: string): Buffer => {
    const bytes = [...top.blobs].find(([key]) => key === digest)?.[1];
    if (bytes === undefined) throw new Error(`no ${digest}`);
    return bytes;
  };
  return {
    label: "test",
    places: 1,
    manifest: async (name) => ({ bytes: bytesOf(name === "top" ? top.descriptor.digest : name) }),
    blob: async function* ({ digest }) {
      yield bytesOf(digest);
    },
  };
}

const resolve = (top: Pick<TestImage, "descriptor" | "blobs">, platform?: string) =>
  resolveImage(
    storageOf(top),
    "top",
    { platform: platform === undefined ? undefined : parsePlatform(platform), limits: undefined },
    pullContext(),
  );

describe("resolveImage", () => {
  it("finds one image through an index, its layers with what they must be", async () => {
    const { digest, layers, config } = await resolve(makeIndex([image, arm]), "linux/arm/v7");
    expect(digest).toBe(arm.descriptor.digest);
    expect(config).toMatchObject({ architecture: "arm", variant: "v7" });
    expect(layers.map(({ diffId, blob }) => [diffId, blob?.digest])).toEqual(
      arm.layers.map((layer, i) => [arm.diffIds[i], layer.digest]),
    );
  });

  it("goes through an index of indexes, but not for ever", async () => {
    let top: Pick<TestImage, "descriptor" | "blobs" | "manifest"> = makeIndex([image]);
    const wrap = (): void => {
      top = makeIndex([{ ...image, ...top }]);
    };
    wrap();
    expect((await resolve(top, "amd64")).digest).toBe(image.descriptor.digest);
    for (let i = 0; i < 4; i++) wrap();
    await expect(resolve(top, "amd64")).rejects.toThrow("nested too deeply");
  });

  it("warns when the only image is for another platform and none was asked for", async () => {
    const ctx = pullContext();
    await resolveImage(storageOf(arm), "top", { platform: undefined, limits: undefined }, ctx);
    expect(ctx.warnings).toMatchObject([{ message: expect.stringContaining("is for linux/arm/v7, not linux/") }]);
  });

  it("refuses a config that lists another number of layers", async () => {
    await expect(resolve(makeImage({ layers: sampleLayers(), diffIds: [] }), "amd64")).rejects.toThrow(
      "has 2 layers, but its config lists 0",
    );
  });
});

describe("choose", () => {
  const item = (os?: string, architecture = "amd64"): Descriptor => ({
    mediaType: "",
    digest: image.descriptor.digest,
    size: 1,
    annotations: {},
    ...(os !== undefined && { platform: { os, architecture } }),
  });

  it("passes attestations by, and takes an only image whose platform is not told", () => {
    const only = item();
    expect(choose([item("unknown", "unknown"), only], parsePlatform("arm64"), "x")).toBe(only);
  });

  it("names what there is", () => {
    const images = [item("unknown", "unknown"), item("windows"), item("linux", "arm64")];
    expect(() => choose(images, parsePlatform("amd64"), "x")).toThrow(
      "x has no image for linux/amd64; it has windows/amd64, linux/arm64",
    );
    expect(() => choose([], parsePlatform("amd64"), "x")).toThrow("it has none");
  });
});

it("checkDigest names both digests", () => {
  expect(() => checkDigest(Buffer.from("x"), image.descriptor.digest, "it")).toThrow(image.descriptor.digest);
});
