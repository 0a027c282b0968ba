import { describe, expect, it } from "vitest";
import { INDEX_TYPES, parseManifest } from "../../../src/registry/manifest.ts";

const DIGEST = `sha256:${"0".repeat(64)}`;
const descriptor = { mediaType: "application/octet-stream", digest: DIGEST, size: 3 };
const image = { schemaVersion: 2, config: descriptor, layers: [descriptor] };
const index = { schemaVersion: 2, manifests: [{ ...descriptor, platform: { os: "linux", architecture: "amd64" } }] };

const parse = (document: unknown, servedAs?: string) =>
  parseManifest(Buffer.from(JSON.stringify(document)), "manifest x", { servedAs });

describe("parseManifest", () => {
  it("tells an image from an index, with and without a media type", () => {
    expect(parse(image)).toMatchObject({ kind: "image", layers: [{ digest: DIGEST, size: 3 }] });
    expect(parse(index)).toMatchObject({ kind: "index", manifests: [{ platform: { architecture: "amd64" } }] });
    const oci = "application/vnd.oci.image.manifest.v1+json";
    expect(parse({ ...image, mediaType: oci }, oci)).toMatchObject({ kind: "image" });
    const docker = "application/vnd.docker.distribution.manifest.v2+json";
    expect(parse({ ...image, mediaType: docker }, docker)).toMatchObject({ kind: "image" });
  });

  it("reads what Go writes for nothing: null", () => {
    expect(parse({ ...image, layers: null })).toMatchObject({ kind: "image", layers: [] });
    for (const manifests of [null, undefined, []]) {
      expect(parse({ schemaVersion: 2, manifests }, INDEX_TYPES[0])).toEqual({ kind: "index", manifests: [], odd: [] });
    }
    expect(parse({ ...index, config: null, layers: null })).toMatchObject({ kind: "index" });
  });

  it("keeps an entry of an index that cannot be used apart from the others", () => {
    const odd = { digest: "sha512:00", size: 3, platform: { os: "linux", architecture: "arm64" } };
    const { manifests } = index;
    expect(parse({ ...index, manifests: [odd, { digest: DIGEST }, null, 7, ...manifests] })).toMatchObject({
      manifests: [{ digest: DIGEST }],
      odd: [
        { platform: { architecture: "arm64" }, why: { message: expect.stringContaining("only sha256") } },
        { why: { message: expect.stringContaining("no valid size") } },
      ],
    });
  });

  it("takes a platform that says nothing for none", () => {
    for (const platform of [{}, null, "linux/amd64", { os: "", architecture: "" }, { os: 1 }]) {
      expect(parse({ ...index, manifests: [{ ...descriptor, platform }] })).not.toHaveProperty("manifests[0].platform");
    }
  });

  it.each([
    [{ schemaVersion: 1, fsLayers: [] }, undefined, "schema 1"],
    [{ schemaVersion: 2 }, "application/vnd.docker.distribution.manifest.v1+prettyjws", "schema 1"],
    [{ errors: [] }, undefined, "schemaVersion"],
    [{ ...image, ...index }, undefined, "at once"],
    [{ ...image, mediaType: "application/vnd.oci.image.index.v1+json" }, undefined, "though it says so"],
    [{ schemaVersion: 2, config: descriptor }, undefined, "no config or no layers"],
    [{ ...image, config: { ...descriptor, digest: "sha512:00" } }, undefined, "only sha256"],
    [{ ...image, layers: [{ ...descriptor, digest: `${DIGEST}/../x` }] }, undefined, "only sha256"],
    [{ ...image, layers: [{ ...descriptor, size: -1 }] }, undefined, "no valid size"],
    [{ ...image, layers: [{ ...descriptor, size: "3" }] }, undefined, "no valid size"],
    [{ ...image, layers: [null] }, undefined, "only sha256"],
    [{ ...image, layers: {} }, undefined, "no config or no layers"],
    [{ ...image, config: { ...descriptor, mediaType: "../../x" } }, undefined, "is not a media type"],
    [{ ...image, layers: [{ ...descriptor, mediaType: "a/b\u001b]0;x" }] }, undefined, "is not a media type"],
    [{ ...image, layers: [{ ...descriptor, mediaType: `a/${"b".repeat(5000)}` }] }, undefined, "(5002 characters)"],
    [{ ...image, layers: [{ ...descriptor, digest: "a".repeat(5000) }] }, undefined, "(5000 characters)"],
  ])("refuses %j", (document, servedAs, message) => {
    expect(() => parse(document, servedAs)).toThrow(message);
  });
});
