import { basename } from "node:path";
import type { ImageConfig, SourceContext } from "../../contract/source.ts";
import { type DigestText, digestFrom } from "../../lib/digest.ts";
import { FledgeError } from "../../lib/errors.ts";
import { hashFile } from "../../lib/files/hash-file.ts";
import type { Layer } from "../../rootfs/layer.ts";
import type { LayerLimits } from "../../rootfs/limits.ts";
import { openLayer } from "../../store/layers.ts";
import { parseImageConfig } from "../image-config.ts";
import { readLocal, sizeOfFile } from "../local.ts";

/** What is known of a tar that becomes a layer. */
export type LayerFromTarOptions = {
  /** What messages call the layer; the file's name, or "a tar". */
  readonly label?: string;
  /**
   * Of the stream's bytes as they come. They are checked, and a layer that the store has is taken from there: the stream is
   * then never read. A file is hashed for it.
   */
  readonly digest?: DigestText;
  readonly limits?: Partial<LayerLimits>;
  /** Whether it is a layer of an image, where `.wh.NAME` takes away what lower layers have as NAME. Default false. */
  readonly hasWhiteouts?: boolean;
};

/**
 * A layer out of a tar, plain or compressed by gzip, zstd, xz or bzip2: a file of the host, or a stream, which is unpacked
 * into the store while it comes. Owners, modes, times, links, devices and xattrs are the archive's. Throws a `source` error for what is no tar, a `checksum` error for other bytes than the digest's, and what
 * the stream throws.
 */
export async function layerFromTar(
  tar: string | AsyncIterable<Uint8Array>,
  ctx: SourceContext,
  options: LayerFromTarOptions = {},
): Promise<Layer> {
  const { limits, hasWhiteouts } = options;
  const digest = digestFrom(options.digest);
  if (digest === undefined && options.digest !== undefined) {
    throw new FledgeError("source", `"${options.digest}" is not a digest`, { hint: "write sha256: and 64 hex digits" });
  }
  if (typeof tar !== "string") {
    const { label = "a tar" } = options;
    const blob = digest !== undefined && { blob: { digest } };
    return await openLayer({ label, limits, hasWhiteouts, ...blob, open: () => tar }, ctx);
  }
  const { label = basename(tar) } = options;
  const size = await sizeOfFile(tar);
  const blob = { digest: digest ?? (await hashFile(tar, ctx.signal)), size };
  return await openLayer({ label, limits, hasWhiteouts, blob, open: () => readLocal(tar) }, ctx);
}

/** The parts of an OCI image configuration (image-spec, config.md) that fledge makes use of; others are kept. */
export type ImageDocument = {
  readonly architecture: string;
  readonly os?: string;
  readonly variant?: string;
  readonly config?: {
    readonly Entrypoint?: readonly string[];
    readonly Cmd?: readonly string[];
    /** `NAME=value` */
    readonly Env?: readonly string[];
    readonly WorkingDir?: string;
    readonly User?: string;
    /** `{ "80/tcp": {} }` */
    readonly ExposedPorts?: Readonly<Record<string, object>>;
    readonly Labels?: Readonly<Record<string, string>>;
  };
};

/** What `image()` of a source returns, from an OCI image configuration: the manifest gets its entrypoint, ports and so on. */
export function imageConfig(document: ImageDocument): ImageConfig {
  return parseImageConfig(Buffer.from(JSON.stringify({ os: "linux", ...document })), "the image config");
}
