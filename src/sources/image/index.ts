import type { Source } from "../../contract/source.ts";
import type { Platform } from "../../lib/platform.ts";
import type { SourceLimits } from "../limits-options.ts";
import { imageSource } from "../oci/image-source.ts";
import { resolveImage } from "../oci/resolve.ts";
import type { RegistryReference } from "../reference.ts";
import type { EndpointOptions } from "./endpoint.ts";
import { openRepository } from "./registry.ts";

export type RegistrySourceOptions = EndpointOptions & {
  readonly platform: Platform | undefined;
  readonly limits: SourceLimits | undefined;
};

/** An image of a registry; `written` is the reference as the config has it. */
export function registrySource(written: string, reference: RegistryReference, options: RegistrySourceOptions): Source {
  return imageSource(written, (ctx, pinned) => {
    const storage = openRepository(reference, options, ctx);
    const name = pinned ?? reference.digest ?? reference.tag ?? "latest";
    return resolveImage(storage, name, options, ctx);
  });
}
