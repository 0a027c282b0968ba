import type { Env } from "../lib/context.ts";
import { FledgeError } from "../lib/errors.ts";
import type { Place } from "./endpoint.ts";
import { MIRROR, type RegistriesOptions } from "./options.ts";
import type { RegistryReference } from "./reference.ts";

/** A mirror that is in trouble is not waited for long: somebody else has the image. */
const MIRROR_TRIES = 2;

/** Where a repository is asked for, in order: the config's mirrors, those of the machine, the registry itself. */
export function placesOf(
  { registry, repository }: RegistryReference,
  registries: RegistriesOptions,
  env: Env,
): Place[] {
  const mirrors = [...(registries[registry]?.mirrors ?? []), ...machineMirrors(registry, env)];
  return [...mirrors.map((text) => mirrorPlace(text, repository)), { host: registry, repository }];
}

function mirrorPlace(text: string, repository: string): Place {
  const [, scheme, host = "", prefix = ""] = /^(?:(https?):\/\/)?([^/]+)(?:\/(.*?))?\/*$/.exec(text) ?? [];
  return {
    host,
    repository: prefix === "" ? repository : `${prefix}/${repository}`,
    tries: MIRROR_TRIES,
    ...(scheme !== undefined && { scheme: scheme as "http" | "https" }),
  };
}

/**
 * FLEDGE_REGISTRY_MIRRORS, `REGISTRY=MIRROR` with commas between: a machine behind a mirror needs no change to its
 * recipes. Throws a `usage` error for anything else.
 */
function machineMirrors(registry: string, { FLEDGE_REGISTRY_MIRRORS: text = "" }: Env): string[] {
  return text
    .split(",")
    .map((pair) => pair.trim())
    .filter((pair) => pair !== "")
    .flatMap((pair) => {
      const [, of, mirror = ""] = /^([^=]+)=(.*)$/.exec(pair) ?? [];
      if (!MIRROR.test(mirror)) {
        throw new FledgeError("usage", `FLEDGE_REGISTRY_MIRRORS: "${pair}" is not REGISTRY=HOST[:PORT][/PATH]`, {
          hint: "for instance FLEDGE_REGISTRY_MIRRORS=docker.io=mirror.example.org:5000; several with commas between",
        });
      }
      return of === registry ? [mirror] : [];
    });
}
