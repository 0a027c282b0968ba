import { resolve } from "node:path";
import type { Source } from "../contract/source.ts";
import { assertNever } from "../lib/errors.ts";
import { parsePlatform } from "../lib/platform.ts";
import type { Patience } from "../registry/auth.ts";
import type { RegistriesOptions } from "../registry/options.ts";
import { parseReference } from "../registry/reference.ts";
import { customSource } from "./custom/index.ts";
import { dirSource } from "./dir/index.ts";
import { dockerfileSource } from "./engines/dockerfile.ts";
import { storeSource } from "./engines/store.ts";
import { registrySource } from "./image/index.ts";
import type { SourceLimits } from "./limits-options.ts";
import type { LocalPath } from "./local.ts";
import { archiveSource } from "./local-image/archive.ts";
import { layoutSource } from "./local-image/layout.ts";
import type { SourceOptions } from "./options.ts";
import { tarSource } from "./tar/index.ts";

export type SourceSettings = {
  readonly registries?: RegistriesOptions;
  /** With registries. */
  readonly patience?: Patience;
  /** Of images whose options name none. Default Linux on the host's processor. */
  readonly platform?: string | undefined;
  readonly limits?: SourceLimits | undefined;
  /** What of a folder of this machine is left out. */
  readonly omits?: ((path: string) => boolean) | undefined;
  /** What relative paths start from. Default the working folder. */
  readonly cwd?: string;
};

/** The source that the options describe; nothing is read yet. Throws a `config` error for a reference or platform that is none. */
export function openSource(options: SourceOptions, settings: SourceSettings = {}): Source {
  const { limits, patience = {}, cwd = "." } = settings;
  const local = (path: string, reference = path): LocalPath => ({ reference, path: resolve(cwd, path) });
  if ("custom" in options) return customSource(options.custom, settings.platform);
  if ("tar" in options) return tarSource(local(options.tar), limits);
  if ("dir" in options) return dirSource(local(options.dir), settings.omits);
  const platformText = options.platform ?? settings.platform;
  const platform = platformText === undefined ? undefined : parsePlatform(platformText);
  const reach = {
    registries: resolveAuthorities(settings.registries ?? {}, cwd),
    patience: { minBytesPerSecond: limits?.minBytesPerSecond, ...patience },
  };
  if ("dockerfile" in options) return dockerfileSource(options, { ...reach, platform, limits, cwd });
  if ("layout" in options) return layoutSource(local(options.layout), options.tag, { platform, limits });
  if ("archive" in options) return archiveSource(local(options.archive), { platform, limits, tag: options.tag });
  const reference = parseReference(options.image);
  const written = options.image.trim();
  switch (reference.kind) {
    case "registry":
      return registrySource(written, reference, { ...reach, platform, limits });
    case "layout":
      return layoutSource(local(reference.path, written), reference.tag, { platform, limits });
    case "archive":
      return archiveSource(local(reference.path, written), {
        platform,
        limits,
        tag: reference.tag,
        format: reference.format,
      });
    case "store":
      return storeSource(written, reference, { platform, limits });
    default:
      return assertNever(reference);
  }
}

function resolveAuthorities(registries: RegistriesOptions, cwd: string): RegistriesOptions {
  return Object.fromEntries(
    Object.entries(registries).map(([host, options]) => [
      host,
      options.ca === undefined ? options : { ...options, ca: resolve(cwd, options.ca) },
    ]),
  );
}
