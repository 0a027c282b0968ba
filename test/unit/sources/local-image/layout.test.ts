import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Digest, hexOf, sha256 } from "../../../../src/lib/digest.ts";
import { isFledgeError } from "../../../../src/lib/errors.ts";
import { openSource } from "../../../../src/sources/index.ts";
import { makeImage, makeIndex, sampleLayers, type TestDescriptor, type TestImage } from "../../../helpers/images.ts";
import { pullContext } from "../../../helpers/pull.ts";
import { tempDir } from "../../../helpers/temp.ts";

const REF = "org.opencontainers.image.ref.name";
const CONTAINERD = "io.containerd.image.name";
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json";
const EMPTY = "application/vnd.oci.empty.v1+json";

const image = makeImage({ layers: sampleLayers() });
const other = makeImage({ layers: sampleLayers("other") });
const arm = makeImage({ layers: sampleLayers("arm"), architecture: "arm64" });
const untold = (made: TestImage): object => ({ ...made.descriptor, platform: undefined });

type Blobs = ReadonlyMap<Digest, Buffer>;
const blobsOf = (...made: readonly { readonly blobs: Blobs }[]): Blobs =>
  new Map(made.flatMap(({ blobs }) => [...blobs]));

/** A layout with these entries, whatever they are. */
function layout(manifests: unknown, blobs: Blobs, others: Readonly<Record<string, string>> = {}): string {
  const folder = tempDir();
  mkdirSync(join(folder, "blobs/sha256"), { recursive: true });
  for (const [digest, bytes] of blobs) writeFileSync(join(folder, "blobs/sha256", hexOf(digest)), bytes);
  writeFileSync(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  for (const [name, text] of Object.entries(others)) writeFileSync(join(folder, name), text);
  return folder;
}

/** A manifest of anything, and its blobs. */
function artifact(document: object, parts: readonly [string, string][]) {
  const blobs = new Map<Digest, Buffer>();
  const put = (mediaType: string, text: string): TestDescriptor => {
    const bytes = Buffer.from(text);
    blobs.set(sha256(bytes), bytes);
    return { mediaType, digest: sha256(bytes), size: bytes.length };
  };
  const [config, ...layers] = parts.map(([mediaType, text]) => put(mediaType, text));
  const descriptor = put(
    MANIFEST,
    JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config, layers, ...document }),
  );
  return { descriptor, blobs };
}

async function digestIn(path: string, options: { tag?: string; platform?: string } = {}): Promise<Digest | undefined> {
  const { platform = "amd64", ...tag } = options;
  const inFolder = await openSource({ layout: path, platform, ...tag }).pin(pullContext());
  const file = join(tempDir(), "image.tar");
  execFileSync("tar", ["-C", path, "-cf", file, "."]);
  const inArchive = await openSource({ archive: file, platform, ...tag }).pin(pullContext());
  expect(inArchive.digest).toBe(inFolder.digest);
  return inFolder.digest;
}

async function failure(path: string, options: { tag?: string; platform?: string } = {}) {
  const error: unknown = await digestIn(path, options).catch((thrown: unknown) => thrown);
  if (!isFledgeError(error)) throw new Error("it did not fail");
  expect(error.code).toBe("source");
  return error;
}

describe("an image with several names", () => {
  const named = (name: string, ref: string) => ({
    ...image.descriptor,
    annotations: { [CONTAINERD]: name, [REF]: ref },
  });
  const twice = (): string =>
    layout([named("docker.io/library/app:1.0", "1.0"), named("docker.io/library/app:latest", "latest")], image.blobs);

  it.each([
    undefined,
    "app:1.0",
    "app",
    "1.0",
    "latest",
    "library/app:1.0",
    "docker.io/app:1.0",
    "index.docker.io/library/app:1.0",
    "docker.io/library/app:1.0",
    `app@${image.descriptor.digest}`,
    image.descriptor.digest,
    "@0",
  ])("is one, and %s means it", async (tag) => {
    expect(await digestIn(twice(), tag === undefined ? {} : { tag })).toBe(image.descriptor.digest);
  });

  it.each(["app:2.0", "2.0", "other:1.0", "registry.invalid/library/app:1.0", `app@${other.descriptor.digest}`, "@1"])(
    "is not meant by %s",
    async (tag) => {
      const error = await failure(twice(), { tag });
      expect(error.message).toContain(`no image with the tag "${tag}"`);
      expect(error.hint).toContain("1.0");
    },
  );

  it("is found by podman's name for what was built here", async () => {
    const local = layout(
      [
        { ...image.descriptor, annotations: { [REF]: "localhost/app:1.0" } },
        { ...other.descriptor, annotations: { [REF]: "docker.io/library/web:1.0" } },
      ],
      blobsOf(image, other),
    );
    expect(await digestIn(local, { tag: "app:1.0" })).toBe(image.descriptor.digest);
    expect(await digestIn(local, { tag: "web:1.0" })).toBe(other.descriptor.digest);
    const error = await failure(local, { tag: "1.0" });
    expect(error.message).toContain("has 2 images");
    expect(error.hint).toContain("localhost/app:1.0");
    expect(error.hint).toContain("docker.io/library/web:1.0");
  });

  it("is told from others by what is its own: a name, or the digest", async () => {
    const same = { annotations: { [REF]: "1.0" } };
    const folder = layout(
      [
        { ...image.descriptor, ...same },
        { ...other.descriptor, ...same },
        { ...arm.descriptor, annotations: { [REF]: "arm" } },
      ],
      blobsOf(image, other, arm),
    );
    const { hint = "" } = await failure(folder);
    expect(hint).toContain(`${image.descriptor.digest} (linux/amd64)`);
    expect(hint).toContain("arm (linux/arm64)");
    expect(await digestIn(folder, { tag: other.descriptor.digest })).toBe(other.descriptor.digest);
  });

  it("is not found, and not shown, by a name that nobody can type", async () => {
    const folder = layout(
      [
        { ...image.descriptor, annotations: { [REF]: "a\u001b]0;title\u0007" } },
        { ...other.descriptor, annotations: { [REF]: "x".repeat(100_000) } },
      ],
      blobsOf(image, other),
    );
    const { hint = "" } = await failure(folder);
    expect(hint).not.toMatch(/\u001b|xxx/);
    expect(hint).toContain(image.descriptor.digest);
  });
});

describe("what is no image", () => {
  const signature = artifact({}, [
    [IMAGE_CONFIG, '{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":[]}}'],
    ["application/vnd.dev.cosign.simplesigning.v1+json", "{}"],
  ]);
  const sbom = artifact({ artifactType: "application/spdx+json", subject: image.descriptor }, [
    [EMPTY, "{}"],
    [EMPTY, "{}"],
  ]);
  const attestation = artifact({}, [
    [IMAGE_CONFIG, '{"architecture":"unknown","os":"unknown","rootfs":{"type":"layers","diff_ids":[]}}'],
    ["application/vnd.in-toto+json", "{}"],
  ]);
  const chart = artifact({}, [
    ["application/vnd.cncf.helm.config.v1+json", "{}"],
    ["application/vnd.cncf.helm.chart.content.v1.tar+gzip", "x"],
  ]);
  const patched = artifact({ subject: image.descriptor }, [[IMAGE_CONFIG, JSON.stringify(configOf(other))]]);
  const hex = hexOf(image.descriptor.digest);

  it.each<[string, object, { blobs: Blobs }]>([
    ["cosign's kind", { ...signature.descriptor, annotations: { kind: "dev.cosignproject.cosign/sigs" } }, signature],
    ["cosign's name", { ...signature.descriptor, annotations: { [REF]: `sha256-${hex}.sig` } }, signature],
    ["the layers of a signature", signature.descriptor, signature],
    ["an artifact type", { ...sbom.descriptor, artifactType: "application/spdx+json" }, sbom],
    ["an artifact type in its manifest alone", sbom.descriptor, sbom],
    [
      "an unknown platform",
      { ...attestation.descriptor, platform: { os: "unknown", architecture: "unknown" } },
      attestation,
    ],
    ["the layers of an attestation", attestation.descriptor, attestation],
    [
      "BuildKit's annotation",
      { ...attestation.descriptor, annotations: { "vnd.docker.reference.type": "attestation-manifest" } },
      attestation,
    ],
    ["the config of a chart", { ...chart.descriptor, annotations: { [REF]: "chart" } }, chart],
    ["a media type of anything", { ...sbom.descriptor, mediaType: "application/xml" }, sbom],
    ["a subject", patched.descriptor, patched],
    ["a manifest that is not there", { ...other.descriptor, annotations: { [REF]: "gone" } }, { blobs: new Map() }],
  ])("does not count: what has %s", async (_, entry, made) => {
    const blobs = blobsOf(image, made);
    expect(await digestIn(layout([image.descriptor, entry], blobs))).toBe(image.descriptor.digest);
    expect(await digestIn(layout([entry, { ...untold(image), annotations: { [REF]: "v1" } }], blobs))).toBe(
      image.descriptor.digest,
    );
  });

  it("does not count in an index of an index either", async () => {
    const wrap = (...entries: readonly object[]) => {
      const manifest = Buffer.from(
        JSON.stringify({ schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: entries }),
      );
      const digest = sha256(manifest);
      const mediaType = "application/vnd.oci.image.index.v1+json";
      return { descriptor: { mediaType, digest, size: manifest.length }, blobs: new Map([[digest, manifest]]) };
    };
    const inner = wrap(image.descriptor, arm.descriptor);
    const outer = wrap(inner.descriptor, { ...sbom.descriptor, artifactType: "application/x" }, signature.descriptor);
    const folder = layout([outer.descriptor], blobsOf(image, arm, inner, outer, sbom, signature));
    expect(await digestIn(folder)).toBe(image.descriptor.digest);
    expect(await digestIn(folder, { platform: "arm64" })).toBe(arm.descriptor.digest);
    expect((await failure(folder, { platform: "s390x" })).message).toContain("it has linux/amd64, linux/arm64");
  });

  it("is called what it is when it is all there is", async () => {
    expect((await failure(layout([sbom.descriptor], sbom.blobs))).message).toContain(
      "is not an image, but an artifact of the type application/spdx+json",
    );
    const typed = { ...sbom.descriptor, artifactType: "application/spdx+json" };
    expect((await failure(layout([typed], sbom.blobs))).message).toContain("no image, but application/spdx+json");
    const named = { ...signature.descriptor, annotations: { [REF]: "sig" } };
    expect(
      (await failure(layout([image.descriptor, named], blobsOf(image, signature)), { tag: "sig" })).message,
    ).toContain("artifact of the type application/vnd.dev.cosign.simplesigning.v1+json");
  });
});

describe("the platform", () => {
  it("of an entry that does not tell it is looked up in its config", async () => {
    const top = makeIndex([image, arm].map((made) => ({ ...made, descriptor: untold(made) as TestDescriptor })));
    const folder = layout([top.descriptor], top.blobs);
    expect(await digestIn(folder)).toBe(image.descriptor.digest);
    expect(await digestIn(folder, { platform: "arm64" })).toBe(arm.descriptor.digest);
    expect((await failure(folder, { platform: "riscv64" })).message).toContain("it has linux/amd64, linux/arm64");
    const flat = layout([untold(image), untold(arm)], blobsOf(image, arm));
    expect(await digestIn(flat, { platform: "arm64" })).toBe(arm.descriptor.digest);
  });

  it.each<[string, (made: TestImage) => Digest[]]>([
    ["manifest", (made) => [made.descriptor.digest]],
    ["config", (made) => [made.config.digest]],
    ["layer", (made) => made.layers.slice(1).map(({ digest }) => digest)],
  ])("whose %s was left out is named, with those that are there", async (_, goneOf) => {
    const top = makeIndex([image, arm, makeImage({ layers: sampleLayers("s390x"), architecture: "s390x" })]);
    const folder = layout([{ ...top.descriptor, annotations: { [REF]: "1.0" } }], top.blobs);
    for (const digest of goneOf(image)) rmSync(join(folder, "blobs/sha256", hexOf(digest)), { force: true });
    const error = await failure(folder);
    expect(error.message).toContain(
      "lists an image for linux/amd64, but does not hold it; it holds linux/arm64, linux/s390x",
    );
    expect(error.hint).toContain("docker pull --platform linux/amd64");
    expect(error.hint).toContain("source.platform");
    expect(await digestIn(folder, { platform: "arm64" })).toBe(arm.descriptor.digest);
  });

  it("falls back to an older variant that is there", async () => {
    const [v3, v2] = ["v3", "v2"].map((variant) => makeImage({ layers: sampleLayers(variant), variant }));
    if (v3 === undefined || v2 === undefined) throw new Error("impossible");
    const top = makeIndex([v3, v2]);
    const folder = layout([top.descriptor], top.blobs);
    expect(await digestIn(folder, { platform: "linux/amd64/v4" })).toBe(v3.descriptor.digest);
    rmSync(join(folder, "blobs/sha256", hexOf(v3.descriptor.digest)));
    expect(await digestIn(folder, { platform: "linux/amd64/v4" })).toBe(v2.descriptor.digest);
  });

  it("is found beside odd entries of others, and an odd one that is wanted says why", async () => {
    const odd = { mediaType: MANIFEST, digest: "sha512:00", size: 3, platform: { os: "linux", architecture: "s390x" } };
    const top = (() => {
      const manifest = Buffer.from(
        JSON.stringify({ schemaVersion: 2, manifests: [odd, { size: "x" }, image.descriptor] }),
      );
      return { digest: sha256(manifest), manifest };
    })();
    const mediaType = "application/vnd.oci.image.index.v1+json";
    const folder = layout(
      [{ mediaType, digest: top.digest, size: top.manifest.length }],
      new Map([...image.blobs, [top.digest, top.manifest]]),
    );
    expect(await digestIn(folder)).toBe(image.descriptor.digest);
    expect((await failure(folder, { platform: "s390x" })).message).toContain("only sha256 is supported");
  });
});

describe("an index without entries", () => {
  const config = image.blobs.get(image.config.digest)?.toString() ?? "";
  const docker = JSON.stringify([
    {
      Config: `blobs/sha256/${hexOf(image.config.digest)}`,
      RepoTags: null,
      Layers: image.diffIds.map((digest) => `blobs/sha256/${hexOf(digest)}`),
    },
  ]);
  const blobs = new Map([
    [image.config.digest, Buffer.from(config)] as const,
    ...sampleLayers().map((layer) => [sha256(layer), layer] as const),
  ]);

  it.each([null, [], undefined])("(%j) leaves it to the manifest.json beside it", async (manifests) => {
    expect(await digestIn(layout(manifests, blobs, { "manifest.json": docker }))).toBe(image.config.digest);
  });

  it.each([null, []])("(%j) is an error without one", async (manifests) => {
    expect((await failure(layout(manifests, blobs))).message).toContain("has no image");
  });

  it.each(["../../etc/passwd", "/etc/passwd", "a/../../b", "", "a\\b", "x".repeat(300), 7, null])(
    "and a manifest.json that names %j",
    async (name) => {
      for (const entry of [{ Config: name }, { Config: "c.json", Layers: [name] }]) {
        const folder = layout(null, blobs, { "manifest.json": JSON.stringify([entry]) });
        await failure(folder);
      }
    },
  );
});

function configOf(made: TestImage): object {
  return {
    ...(JSON.parse(made.blobs.get(made.config.digest)?.toString() ?? "{}") as object),
    rootfs: { diff_ids: [] },
  };
}

describe("a folder that is no layout", () => {
  const hintOf = (folder: string) =>
    openSource({ layout: folder })
      .pin(pullContext())
      .then(
        () => undefined,
        (error: unknown) => (isFledgeError(error) ? error.hint : String(error)),
      );

  it("leads to the one below or above it", async () => {
    const folder = layout([image.descriptor], image.blobs);
    const parent = tempDir();
    renameSync(folder, join(parent, "layout"));
    expect(await hintOf(parent)).toBe(`${join(parent, "layout")} is one`);
    expect(await hintOf(join(parent, "layout/blobs"))).toBe(`${join(parent, "layout")} is one`);
  });

  it("may be a root filesystem", async () => {
    expect(await hintOf(tempDir())).toContain("source.dir");
  });
});
