import { FledgeError } from "../../lib/errors.ts";
import { bestFor, formatPlatform, hostPlatform, type Platform } from "../../lib/platform.ts";
import { listed } from "../../lib/shortened.ts";
import type { Descriptor, ImageIndex, ImageManifest, Manifest } from "../../registry/manifest.ts";
import { type ImageStorage, readBlob, readManifest, type StoredManifest } from "../../registry/storage.ts";
import { parseImageConfig } from "../image-config.ts";
import type { SourceLimits } from "../limits-options.ts";
import { artifactIn, mayBeImage } from "./kinds.ts";
import { isForeign } from "./layer-types.ts";

export type ChooseOptions = {
  /** Undefined: the host's. */
  readonly platform: Platform | undefined;
  readonly limits: SourceLimits | undefined;
};

/** An index may hold indexes; real ones are one deep. */
const MAX_DEPTH = 4;
/** Entries whose platform is looked up in their configs. */
const MAX_LOOKED_UP = 32;

/**
 * The image for a platform out of an index. What is no image does not count, an entry that tells no platform is looked
 * into, and one that cannot be read harms nobody who wants another. Throws a `source` error that lists the platforms
 * there are.
 */
export async function chooseImage(
  storage: ImageStorage,
  index: ImageIndex,
  options: ChooseOptions,
): Promise<StoredManifest<ImageManifest>> {
  const search = new Search(storage, options);
  const found = await search.find(index, 0);
  if (found !== undefined) return found;
  throw search.nothing();
}

class Search {
  readonly #storage: ImageStorage;
  readonly #options: ChooseOptions;
  readonly #wanted: Platform;
  /** Of images that are there. */
  readonly #there = new Set<string>();
  /** Of images for the wanted platform that an archive lists and leaves out. */
  readonly #left: Platform[] = [];
  readonly #odd: ImageIndex["odd"][number][] = [];
  #lookedUp = 0;

  constructor(storage: ImageStorage, options: ChooseOptions) {
    this.#storage = storage;
    this.#options = options;
    this.#wanted = options.platform ?? hostPlatform();
  }

  async find(index: ImageIndex, depth: number): Promise<StoredManifest<ImageManifest> | undefined> {
    const { label } = this.#storage;
    if (depth >= MAX_DEPTH) throw new FledgeError("source", `${label}: its indexes are nested too deeply`);
    this.#odd.push(...index.odd);
    const entries = [...new Map(index.manifests.filter(mayBeImage).map((item) => [item.digest, item])).values()];
    const [only] = entries;
    // Tools that make an index of one image often leave the platform to its config.
    if (only !== undefined && entries.length === 1 && only.platform === undefined) return this.#open(only, depth);
    return (await this.#findTold(entries, depth)) ?? (await this.#findUntold(entries, depth));
  }

  /** Among the entries that say what they are for. */
  async #findTold(entries: readonly Descriptor[], depth: number): Promise<StoredManifest<ImageManifest> | undefined> {
    let told = entries.filter(({ platform }) => platform !== undefined);
    const platformOf = (item: Descriptor): Platform => item.platform as Platform;
    for (;;) {
      const match = bestFor(this.#wanted, told, platformOf);
      if (match === undefined) break;
      const found = (await this.#isThere(match)) ? await this.#open(match, depth) : undefined;
      if (found !== undefined) return found;
      this.#left.push(platformOf(match));
      told = told.filter((item) => item !== match);
    }
    for (const item of told.slice(0, MAX_LOOKED_UP)) {
      if (await this.#isThere(item)) this.#there.add(formatPlatform(platformOf(item)));
    }
    return undefined;
  }

  /** Among those whose configs, or the entries of whose index, say it. */
  async #findUntold(entries: readonly Descriptor[], depth: number): Promise<StoredManifest<ImageManifest> | undefined> {
    const images: { readonly stored: StoredManifest<ImageManifest>; readonly platform: Platform }[] = [];
    for (const item of entries.filter(({ platform }) => platform === undefined)) {
      if (++this.#lookedUp > MAX_LOOKED_UP) break;
      if (!(await this.#isThere(item))) continue;
      const stored = await this.#open(item, depth);
      if (stored === undefined || artifactIn(stored.manifest) !== undefined) continue;
      const platform = await platformIn(this.#storage, stored.manifest, this.#options.limits);
      images.push({ stored, platform });
      this.#there.add(formatPlatform(platform));
    }
    return bestFor(this.#wanted, images, ({ platform }) => platform)?.stored;
  }

  async #open(item: Descriptor, depth: number): Promise<StoredManifest<ImageManifest> | undefined> {
    const stored = await readManifest(this.#storage, item.digest, this.#options.limits);
    return isImage(stored)
      ? stored
      : stored.manifest.kind === "index"
        ? this.find(stored.manifest, depth + 1)
        : undefined;
  }

  #isThere(item: Descriptor): Promise<boolean> {
    return isWhole(this.#storage, item, this.#options.limits);
  }

  nothing(): FledgeError {
    const { label } = this.#storage;
    const wanted = formatPlatform(this.#wanted);
    const there = listed([...this.#there].sort()) || "none";
    const choose = this.#there.size === 0 ? undefined : "set source.platform to one of them, or use another image";
    const odd = this.#odd.find(({ platform }) =>
      platform === undefined ? this.#there.size === 0 : bestFor(this.#wanted, [platform], (it) => it) !== undefined,
    );
    if (this.#left.length > 0) {
      return new FledgeError(
        "source",
        `${label} lists an image for ${wanted}, but does not hold it; it holds ${there}`,
        {
          hint: `docker save leaves out what was not pulled: docker pull --platform ${wanted} before it${choose === undefined ? "" : `, or ${choose}`}`,
        },
      );
    }
    if (odd !== undefined) return odd.why;
    return new FledgeError("source", `${label} has no image for ${wanted}; it has ${there}`, { hint: choose });
  }
}

/** What an image is for, as its config says. */
export async function platformIn(
  storage: ImageStorage,
  { config }: ImageManifest,
  limits: SourceLimits | undefined,
): Promise<Platform> {
  const bytes = await readBlob(storage, config, limits);
  return parseImageConfig(bytes, `the config of ${storage.label}`, limits);
}

/** Whether a storage that may be incomplete has all of an image, or some image of an index. */
export async function isWhole(
  storage: ImageStorage,
  item: Descriptor,
  limits: SourceLimits | undefined,
  depth = 0,
): Promise<boolean> {
  if (storage.has === undefined) return true;
  if (!(await storage.has(item.digest)) || depth >= MAX_DEPTH) return false;
  const { manifest } = await readManifest(storage, item.digest, limits);
  if (manifest.kind === "index") {
    for (const entry of manifest.manifests.filter(mayBeImage)) {
      if (await isWhole(storage, entry, limits, depth + 1)) return true;
    }
    return false;
  }
  for (const { digest, mediaType } of [manifest.config, ...manifest.layers]) {
    if (!isForeign(mediaType) && !(await storage.has(digest))) return false;
  }
  return true;
}

function isImage(stored: StoredManifest<Manifest>): stored is StoredManifest<ImageManifest> {
  return stored.manifest.kind === "image";
}
