import { expect, test } from "vitest";
import { sha256 } from "../../../src/lib/digest.ts";
import {
  archiveLayer,
  CHUNK_BYTES,
  chunkLayer,
  manifestLayer,
  ociIndex,
  ociManifest,
  type PluginFacts,
  pluginIn,
} from "../../../src/publish/format.ts";
import { type ImageManifest, parseManifest } from "../../../src/registry/manifest.ts";

const FACTS: PluginFacts = {
  name: "web",
  version: "1.0.0",
  artifact: { title: "web-rootfs.img", digest: sha256("disk"), sizeBytes: 2 * CHUNK_BYTES },
};

const MANIFEST = manifestLayer("web.manifest.json", Buffer.from("{}"));

function chunk(index: number, count = 2) {
  const bytes = Buffer.from(`chunk ${index}`);
  return chunkLayer(FACTS, "ext4", { index, count, digest: sha256(bytes), size: bytes.length });
}

type Document = Record<string, unknown> & { layers: object[]; annotations: Record<string, string> };

function read(
  change: (document: Document) => void = () => {},
  bytes = ociManifest(FACTS, [chunk(0), chunk(1), MANIFEST]),
) {
  const document = JSON.parse(bytes.toString()) as Document;
  change(document);
  const manifest = parseManifest(Buffer.from(JSON.stringify(document)), "it") as ImageManifest;
  return pluginIn(manifest, "it");
}

test("a disk is its pieces, whose names are in the order of a shell's *", () => {
  const { artifact, parts, isChunked, manifest } = read();
  expect(artifact).toEqual(FACTS.artifact);
  expect(isChunked).toBe(true);
  expect(parts.map(({ digest }) => digest)).toEqual([sha256("chunk 0"), sha256("chunk 1")]);
  expect(manifest).toMatchObject({ title: "web.manifest.json", digest: sha256("{}"), size: 2 });
  const titles = [...new Array(11).keys()].map((index) => chunk(index, 11).title);
  expect(titles).toEqual(titles.toSorted());
  expect(chunk(0, 1).title).toBe("web-rootfs.img.gz");
});

test.each([
  ["web.cpio", "application/vnd.volant.plugin.initramfs.v1.cpio"],
  ["web.cpio.gz", "application/vnd.volant.plugin.initramfs.v1.cpio+gzip"],
  ["web.cpio.zst", "application/vnd.volant.plugin.initramfs.v1.cpio+zstd"],
])("an archive is one layer, as it is: %s", (title, mediaType) => {
  const facts = { ...FACTS, artifact: { ...FACTS.artifact, title } };
  const layer = archiveLayer(facts);
  expect(layer).toEqual({ mediaType, digest: facts.artifact.digest, size: facts.artifact.sizeBytes, title });
  expect(read(undefined, ociManifest(facts, [layer, MANIFEST]))).toMatchObject({
    isChunked: false,
    artifact: facts.artifact,
  });
});

test("the same builds are the same bytes, and an index says which platform each is for", () => {
  expect(ociManifest(FACTS, [chunk(0), MANIFEST]).equals(ociManifest(FACTS, [chunk(0), MANIFEST]))).toBe(true);
  const platform = { os: "linux", architecture: "arm64" };
  const index = parseManifest(ociIndex([{ digest: sha256("a"), size: 1, platform }], { isPlugin: true }), "it");
  expect(index).toMatchObject({ kind: "index", manifests: [{ digest: sha256("a"), size: 1, platform }] });
});

test.each<[string, (document: Document) => void]>([
  ["its artifactType is not given", (document) => delete document.artifactType],
  ["its artifactType is application/x", (document) => (document.artifactType = "application/x")],
  ["it has not the layers of one", (document) => document.layers.pop()],
  ["it has not the layers of one", (document) => (document.layers = document.layers.slice(2))],
  ["its files have no names", (document) => delete document.annotations["vnd.volant.plugin.artifact.title"]],
  ...["../web.img", "/etc/passwd", ".", "..", "", "a/b", "-rf", ".hidden", "a\nb", "web.manifest.json"].map(
    (title): [string, (document: Document) => void] => [
      "its files have no names",
      (document) => (document.annotations["vnd.volant.plugin.artifact.title"] = title),
    ],
  ),
  ...["-1", "0", "NaN", "1e400", "x"].map((size): [string, (document: Document) => void] => [
    "it does not say what its artifact is",
    (document) => (document.annotations["vnd.volant.plugin.artifact.size"] = size),
  ]),
  [
    "it does not say what its artifact is",
    (document) => (document.annotations["vnd.volant.plugin.artifact.digest"] = "sha256:abc"),
  ],
])("is refused in words: %s", (why, change) => {
  expect(() => read(change)).toThrow(`it is no plugin that fledge has pushed: ${why}`);
});
