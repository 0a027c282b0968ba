import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Writes an OCI image layout of these uncompressed layers, bottom first, under the tag `t`; `commands` are its history. */
export function writeLayout(folder: string, layers: readonly Buffer[], commands: readonly string[] = []): void {
  const blobs = join(folder, "blobs", "sha256");
  mkdirSync(blobs, { recursive: true });
  const put = (mediaType: string, bytes: Buffer) => {
    const hex = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(join(blobs, hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const descriptors = layers.map((layer) => put("application/vnd.oci.image.layer.v1.tar", layer));
  const config = put(
    "application/vnd.oci.image.config.v1+json",
    json({
      created: "2024-01-01T00:00:00Z",
      architecture: "amd64",
      os: "linux",
      config: {},
      rootfs: { type: "layers", diff_ids: descriptors.map(({ digest }) => digest) },
      history: layers.map((_, i) => ({ created: "2024-01-01T00:00:00Z", created_by: commands[i] ?? "test" })),
    }),
  );
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = put(mediaType, json({ schemaVersion: 2, mediaType, config, layers: descriptors }));
  const annotations = { "org.opencontainers.image.ref.name": "t" };
  writeFileSync(join(folder, "index.json"), json({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }));
  writeFileSync(join(folder, "oci-layout"), json({ imageLayoutVersion: "1.0.0" }));
}
