import { FledgeError } from "../../lib/errors.ts";
import { shortened } from "../../lib/shortened.ts";
import type { Descriptor } from "../../registry/manifest.ts";
import { isFilesystem } from "./kinds.ts";

/** How a tar may be compressed, as its media type says; what it is compressed with is seen in its bytes. */
const COMPRESSIONS = ["gzip", "gz", "zstd", "zst", "xz", "bzip2", "bz2"];

/** Throws a `source` error for a layer that cannot be unpacked, by what its media type says. */
export function checkLayerType({ mediaType, digest }: Descriptor, image: string): void {
  const layer = `layer ${digest} of ${image}`;
  const type = shortened(mediaType);
  if (mediaType.endsWith("+encrypted")) {
    throw new FledgeError("source", `${layer} is encrypted (${type})`, {
      hint: "decrypt the image first: skopeo copy --decryption-key KEY SOURCE oci:FOLDER, then source.layout",
    });
  }
  const compression = /[./+-]g?tar[.+](\w+)$/.exec(mediaType)?.[1];
  if (compression !== undefined && !COMPRESSIONS.includes(compression)) {
    throw new FledgeError(
      "source",
      `${layer} is compressed with ${compression} (${type}), which fledge cannot unpack`,
      {
        hint: "copy the image with another: skopeo copy --dest-compress-format gzip SOURCE oci:FOLDER, then source.layout",
      },
    );
  }
  if (!isFilesystem(mediaType) || /\.(?:squashfs|erofs|ext4|nydus)\b/.test(mediaType)) {
    throw new FledgeError("source", `${layer} is no tar, but of the type ${type}`, {
      hint: "use an image whose layers are tars, as docker, podman and buildah make them",
    });
  }
}

/** Of a layer that may not be passed on, and that registries and archives mostly leave out (image-spec, layer.md). */
export function isForeign(mediaType: string): boolean {
  return /\.(?:foreign|nondistributable)\./.test(mediaType);
}

/** The layer, and where it cannot be had, why that is so. */
export async function* foreignLayer(
  { mediaType, digest }: Descriptor,
  image: string,
  stream: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* stream;
  } catch (cause) {
    if (!(cause instanceof FledgeError) || cause.code === "aborted" || cause.code === "checksum") throw cause;
    throw new FledgeError("source", `layer ${digest} of ${image} cannot be had: ${cause.message}`, {
      hint: `it is a foreign layer (${mediaType}), which its owner alone hands out: use an image without it`,
      cause,
    });
  }
}
