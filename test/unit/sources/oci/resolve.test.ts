import { describe, expect, it } from "vitest";
import { sha256 } from "../../../../src/lib/digest.ts";
import { FledgeError } from "../../../../src/lib/errors.ts";
import { parsePlatform } from "../../../../src/lib/platform.ts";
import { parseJson } from "../../../../src/registry/json.ts";
import { checkDigest, type ImageStorage } from "../../../../src/registry/storage.ts";
import { DEFAULT_SOURCE_LIMITS, type SourceLimits } from "../../../../src/sources/limits-options.ts";
import { resolveImage } from "../../../../src/sources/oci/resolve.ts";
import { makeImage, makeIndex, sampleLayers, type TestDescriptor, type TestImage } from "../../../helpers/images.ts";
import { pullContext } from "../../../helpers/pull.ts";
import { END } from "../../../helpers/tar-writer.ts";

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

describe("what is refused by name", () => {
  const [layer = END] = sampleLayers();
  const withLayers = (edit: (layer: TestDescriptor) => object) => {
    const made = makeImage({ layers: [layer] });
    const manifest = Buffer.from(
      JSON.stringify({ ...JSON.parse(made.manifest.toString()), layers: made.layers.map(edit) }),
    );
    const digest = sha256(manifest);
    const blobs = new Map([...made.blobs, [digest, manifest]]);
    return { descriptor: { ...made.descriptor, digest, size: manifest.length }, blobs };
  };
  const OCI = "application/vnd.oci.image.layer";

  it.each([
    [`${OCI}.v1.tar+gzip+encrypted`, "is encrypted", "skopeo copy --decryption-key"],
    [`${OCI}.v1.tar+encrypted`, "is encrypted", "skopeo copy --decryption-key"],
    [`${OCI}.v1.tar+lz4`, "is compressed with lz4", "--dest-compress-format gzip"],
    [`${OCI}.v1.tar+br`, "is compressed with br", "--dest-compress-format gzip"],
    ["application/vnd.docker.image.rootfs.diff.tar.lzma", "is compressed with lzma", "--dest-compress-format gzip"],
    [`${OCI}.v1.squashfs`, "is no tar, but of the type", "whose layers are tars"],
    [`${OCI}.nydus.blob.v1`, "is no tar, but of the type", "whose layers are tars"],
    ["application/vnd.wasm.content.layer.v1+wasm", "not an image, but an artifact of the type", "that it belongs to"],
    ["application/vnd.in-toto+json", "not an image, but an artifact of the type", "that it belongs to"],
  ])("a layer of the type %s", async (mediaType, message, hint) => {
    const found = resolve(
      withLayers((item) => ({ ...item, mediaType })),
      "amd64",
    );
    await expect(found).rejects.toMatchObject({
      code: "source",
      message: expect.stringMatching(new RegExp(`${message}.*${mediaType.replaceAll("+", "\\+")}`)),
      hint: expect.stringContaining(hint),
    });
    await expect(found).rejects.not.toThrow("layer layer");
  });

  it.each(["", `${OCI}.v1.tar`, `${OCI}.v1.tar+zstd`, `${OCI}.v1.tar+xz`, "application/octet-stream"])(
    "not a layer of the type %j",
    async (mediaType) => {
      const { layers } = await resolve(
        withLayers((item) => ({ ...item, mediaType })),
        "amd64",
      );
      expect(layers).toHaveLength(1);
    },
  );

  it("a foreign layer, where it cannot be had", async () => {
    const top = withLayers((item) => ({ ...item, mediaType: `${OCI}.nondistributable.v1.tar+gzip` }));
    const storage = storageOf(top);
    const absent: ImageStorage = {
      ...storage,
      blob: (descriptor, place) =>
        descriptor.mediaType.includes("nondistributable") ? throwing() : storage.blob(descriptor, place),
    };
    const options = { platform: parsePlatform("amd64"), limits: undefined };
    const { layers } = await resolveImage(absent, "top", options, pullContext());
    await expect(layers[0]?.open(0)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      message: expect.stringContaining("cannot be had: it is not there"),
      hint: expect.stringContaining("foreign layer"),
    });
  });

  it.each([
    ["../../x/pwned", "sha256:../../x/pwned"],
    ["nothing", ""],
    ["5,000 letters", "a".repeat(5000)],
    ["NUL", `sha256:\0${"0".repeat(63)}`],
    ["another case", `sha256:${"A".repeat(64)}`],
    ["a number", 7],
    ["null", null],
    ["an object", {}],
  ])("a diff_id that is %s", async (_, diffId) => {
    const found = resolve(makeImage({ layers: [layer], diffIds: [diffId as never] }), "amd64");
    await expect(found).rejects.toMatchObject({
      code: "source",
      message: expect.stringContaining("is no sha256 digest (rootfs.diff_ids)"),
    });
    expect(((await found.catch((error: Error) => error)) as Error).message.length).toBeLessThan(400);
  });

  it("more than its limits allow, by the limit's name", async () => {
    const limited = (limits: Partial<SourceLimits>) =>
      resolveImage(
        storageOf(image),
        "top",
        { platform: parsePlatform("amd64"), limits: { ...DEFAULT_SOURCE_LIMITS, ...limits } },
        pullContext(),
      );
    await expect(limited({ maxLayers: 1 })).rejects.toThrow("has 2 layers, the limit maxLayers is 1");
    await expect(limited({ maxDocumentBytes: 300 })).rejects.toThrow("the limit maxDocumentBytes is 300 B");
    await expect(limited({ maxDocumentDepth: 2 })).rejects.toThrow(
      "nested more than 2 deep, the limit maxDocumentDepth",
    );
    await expect(limited({ maxLayers: 2, maxDocumentDepth: 4 })).resolves.toBeDefined();
  });

  it("a config that is nested without end, at once", async () => {
    const bytes = Buffer.from(`{"x":${"[".repeat(1_500_000)}"]}`);
    expect(() => parseJson(bytes, "it")).toThrow("nested more than 100 deep");
    expect(parseJson(Buffer.from(`{"x":"${'[{\\"'.repeat(500)}"}`), "it")).toHaveProperty("x");
  });
});

async function* throwing(): AsyncGenerator<Uint8Array> {
  yield* [];
  throw new FledgeError("source", "it is not there");
}

it("checkDigest names both digests", () => {
  expect(() => checkDigest(Buffer.from("x"), image.descriptor.digest, "it")).toThrow(image.descriptor.digest);
});
