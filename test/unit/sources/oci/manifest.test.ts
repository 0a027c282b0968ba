import { describe, expect, it } from "vitest";
import { parseManifest } from "../../../../src/sources/oci/manifest.ts";

const DIGEST = `sha256:${"0".repeat(64)}`;
const descriptor = { mediaType: "application/octet-stream", digest: DIGEST, size: 3 };
const image = { schemaVersion: 2, config: descriptor, layers: [descriptor] };
const index = { schemaVersion: 2, manifests: [{ ...descriptor, platform: { os: "linux", architecture: "amd64" } }] };

const parse = (document: unknown, servedAs?: string) =>
  parseManifest(Buffer.from(JSON.stringify(document)), "manifest x", servedAs);

describe("parseManifest", () => {
  it("tells an image from an index, with and without a media type", () => {
    expect(parse(image)).toMatchObject({ kind: "image", layers: [{ digest: DIGEST, size: 3 }] });
    expect(parse(index)).toMatchObject({ kind: "index", manifests: [{ platform: { architecture: "amd64" } }] });
    const oci = "application/vnd.oci.image.manifest.v1+json";
    expect(parse({ ...image, mediaType: oci }, oci)).toMatchObject({ kind: "image" });
    const docker = "application/vnd.docker.distribution.manifest.v2+json";
    expect(parse({ ...image, mediaType: docker }, docker)).toMatchObject({ kind: "image" });
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
  ])("refuses %j", (document, servedAs, message) => {
    expect(() => parse(document, servedAs)).toThrow(message);
  });
});
