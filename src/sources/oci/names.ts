import { type Digest, digestFrom, hexOf } from "../../lib/digest.ts";
import { formatPlatform, type Platform } from "../../lib/platform.ts";
import { listed } from "../../lib/shortened.ts";
import { formatReference, parseReference, type RegistryReference } from "../../registry/reference.ts";

/** One of the images in a layout or an archive. */
export type Candidate = {
  readonly names: readonly string[];
  /** Of its manifest, or of its config: Docker's image ID. */
  readonly digest: Digest;
  readonly platform?: Platform;
};

/** What can be typed as a name. Others are not shown, and not found. */
const NAME = /^[\x21-\x7e]{1,512}$/;

/** Those of some texts that can be names. */
export function usableNames(names: readonly (string | undefined)[]): string[] {
  return [...new Set(names.filter((name): name is string => name !== undefined && NAME.test(name)))];
}

/**
 * The candidates that a tag means, as docker and skopeo name images: `1.0`, `app:1.0`, `docker.io/library/app:1.0`, an ID,
 * a digest, or `@0` for the first one. Several when it is not clear which.
 */
export function withTag<T extends Candidate>(candidates: readonly T[], tag: string): T[] {
  const place = /^@(\d+)$/.exec(tag)?.[1];
  if (place !== undefined) return candidates.slice(Number(place), Number(place) + 1);
  const digest = digestFrom(tag.slice(tag.lastIndexOf("@") + 1));
  if (digest !== undefined) return candidates.filter((candidate) => candidate.digest === digest);
  const whole = fullName(tag);
  const local = fullName(`localhost/${tag}`);
  // The plainest reading that finds something counts.
  const readings: ((candidate: T) => boolean)[] = [
    ({ names }) => names.includes(tag),
    ({ names }) => names.some((name) => whole !== undefined && fullName(name) === whole),
    ({ names }) => names.some((name) => local !== undefined && fullName(name) === local),
    ({ names }) => names.some((name) => referenceOf(name)?.tag === tag),
    (candidate) => /^[0-9a-f]{12,64}$/.test(tag) && hexOf(candidate.digest).startsWith(tag),
  ];
  for (const reading of readings) {
    const found = candidates.filter(reading);
    if (found.length > 0) return found;
  }
  return [];
}

/** How to choose one of several: each by a name of its own, or by its digest. */
export function choicesHint(candidates: readonly Candidate[]): string | undefined {
  if (candidates.length === 0) return undefined;
  const uses = new Map<string, number>();
  for (const name of candidates.flatMap(({ names }) => names)) uses.set(name, (uses.get(name) ?? 0) + 1);
  const choices = candidates.map(({ names, digest, platform }) => {
    const name = names.find((one) => uses.get(one) === 1) ?? digest;
    return platform === undefined ? name : `${name} (${formatPlatform(platform)})`;
  });
  return `say which by its tag: ${listed(choices)}`;
}

function fullName(text: string): string | undefined {
  const reference = referenceOf(text);
  return reference && formatReference(reference);
}

function referenceOf(text: string): RegistryReference | undefined {
  try {
    const reference = parseReference(text);
    return reference.kind === "registry" ? reference : undefined;
  } catch {
    return undefined;
  }
}
