import type { LayerLimits } from "../../rootfs/limits.ts";
import { imageSource } from "../oci/image-source.ts";
import type { Platform } from "../oci/platform.ts";
import { resolveImage } from "../oci/resolve.ts";
import type { RegistryReference } from "../reference.ts";
import type { Source } from "../source.ts";
import type { EndpointOptions } from "./endpoint.ts";
import { openRepository } from "./registry.ts";

export type RegistrySourceOptions = EndpointOptions & {
  readonly platform: Platform | undefined;
  readonly limits: LayerLimits | undefined;
};

/** An image of a registry; `written` is the reference as the config has it. */
export function registrySource(written: string, reference: RegistryReference, options: RegistrySourceOptions): Source {
  return imageSource(written, (ctx, pinned) => {
    const storage = openRepository(reference, options, ctx);
    const name = pinned ?? reference.digest ?? reference.tag ?? "latest";
    return resolveImage(storage, name, options, ctx);
  });
}
