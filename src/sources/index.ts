import type { LayerLimits } from "../rootfs/limits.ts";
import { registrySource } from "./image/index.ts";
import { parsePlatform } from "./oci/platform.ts";
import { parseReference } from "./reference.ts";
import type { RegistriesOptions } from "./registries-options.ts";
import type { Source } from "./source.ts";

export type SourceOptions = { readonly image: string; readonly platform?: string };

export type SourceSettings = {
  readonly registries?: RegistriesOptions;
  readonly limits?: LayerLimits | undefined;
  readonly cwd?: string;
};

export function openSource(options: SourceOptions, settings: SourceSettings = {}): Source {
  const platform = options.platform === undefined ? undefined : parsePlatform(options.platform);
  const reference = parseReference(options.image);
  if (reference.kind !== "registry") throw new Error("soon");
  return registrySource(reference, { platform, registries: settings.registries ?? {}, limits: settings.limits });
}
