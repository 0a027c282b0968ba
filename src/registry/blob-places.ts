import type { Digest } from "../lib/digest.ts";
import { readNote, writeNote } from "../store/notes.ts";
import type { Place } from "./endpoint.ts";

/** As many are asked to lend a blob; each that does not costs a request. */
const MOST_PLACES = 3;

/** Other repositories of a place's registry where a blob was seen, the last one first. */
export async function blobPlaces(
  cacheDir: string,
  digest: Digest,
  { host, repository }: Place,
): Promise<readonly string[]> {
  const prefix = `${host}/`;
  const seen = (await readPlaces(cacheDir, digest)).filter((place) => place.startsWith(prefix));
  const others = seen.map((place) => place.slice(prefix.length)).filter((name) => name !== repository);
  return others.slice(0, MOST_PLACES);
}

/** Remembers that a repository has a blob. */
export async function noteBlobPlace(cacheDir: string, digest: Digest, { host, repository }: Place): Promise<void> {
  const place = `${host}/${repository}`;
  const known = await readPlaces(cacheDir, digest);
  if (known[0] === place) return;
  const places = [place, ...known.filter((other) => other !== place)].slice(0, 2 * MOST_PLACES);
  await writeNote(cacheDir, "blob-places", digest, places);
}

async function readPlaces(cacheDir: string, digest: Digest): Promise<readonly string[]> {
  const note = await readNote(cacheDir, "blob-places", digest);
  return Array.isArray(note)
    ? note.filter((place) => typeof place === "string" && /^[\w.:-]+(\/[\w.-]+)+$/.test(place))
    : [];
}
