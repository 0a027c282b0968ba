import type { ImageSource } from "../../contract/source.ts";
import { formatPlatform, hostPlatform, type Platform } from "../../lib/platform.ts";
import type { EndpointOptions } from "../../registry/endpoint.ts";
import { formatReference, type RegistryReference } from "../../registry/reference.ts";
import { openRepository } from "../../registry/repository.ts";
import type { SourceLimits } from "../limits-options.ts";
import { type ImageLock, imageSource } from "../oci/image-source.ts";
import { resolveImage } from "../oci/resolve.ts";

export type RegistrySourceOptions = EndpointOptions & {
  readonly platform: Platform | undefined;
  readonly limits: SourceLimits | undefined;
};

/** An image of a registry; `written` is the reference as the config has it. */
export function registrySource(
  written: string,
  reference: RegistryReference,
  options: RegistrySourceOptions,
): ImageSource {
  return imageSource(
    written,
    (ctx, pinned) => {
      const storage = openRepository(reference, options, ctx);
      const name = pinned ?? reference.digest ?? reference.tag ?? "latest";
      return resolveImage(storage, name, options, ctx);
    },
    lockOf(written, reference, options.platform),
  );
}

function lockOf(written: string, reference: RegistryReference, platform: Platform | undefined): ImageLock {
  const { repository, digest } = reference;
  const full = formatReference(reference);
  return {
    key: `image ${full} ${formatPlatform(platform ?? hostPlatform())}`,
    names: [written, full, repository, repository.split("/").at(-1) ?? repository],
    // A digest decides, whatever tag is beside it.
    ...(digest !== undefined && { pinned: { digest } }),
  };
}
