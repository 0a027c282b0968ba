import type { Lockable, LockEntry } from "../contract/lock.ts";
import type { RunContext } from "../lib/context.ts";
import { digestFrom, parseDigest } from "../lib/digest.ts";
import { FledgeError } from "../lib/errors.ts";
import { safeUrl } from "../lib/network/http-errors.ts";
import {
  digestOf,
  type FetchContext,
  type Fetched,
  type FetchRequest,
  fetchFile,
  lockablesOfUrl,
  lockedRequest,
  missingBlob,
  shownPlace,
  unfetched,
} from "./fetch.ts";
import { DEFAULT_REPOSITORY, type DownloadOptions, type ReleaseOptions } from "./options.ts";
import { assetHeaders, findRelease, type ReleaseAsset } from "./release.ts";

/** A file that comes with Volant, and that a config may have from elsewhere. */
export type Downloadable = {
  /** What a lock calls it. */
  readonly kind: "agent" | "kernel";
  readonly what: string;
  /** The config's key for it. */
  readonly key: string;
  /** The asset of a release that it is by default. */
  readonly asset: string;
  /** How to name a file of this machine, and how to have a download instead of one. */
  readonly local: string;
  readonly remote: string;
  /** As `FetchRequest` has it. */
  readonly use?: string;
};

/** Fetches it, held to the lock; one of this machine is only checked. */
export async function fetchDownload(of: Downloadable, options: DownloadOptions, ctx: FetchContext): Promise<Fetched> {
  if (!("release" in options)) {
    return await fetchFile(ctx, lockedRequest(of.kind, requestOf(of, options), ctx.locks));
  }
  const locked = ctx.locks?.get(releaseKey(of, options));
  const asset = locked === undefined ? await findAsset(of, options, ctx) : lockedAsset(locked, options, ctx);
  ctx.log(`${of.kind}: release ${asset.tag}`);
  return await fetchFile(ctx, assetRequest(of, options, asset));
}

/** What a lock can hold of it. */
export function downloadLockables(of: Downloadable, options: DownloadOptions): Lockable[] {
  return "release" in options ? [releaseLockable(of, options)] : lockablesOfUrl(of.kind, requestOf(of, options));
}

/** Where it comes from, for people. */
export function placeOf(options: DownloadOptions): string {
  if ("path" in options) return options.path;
  if ("url" in options) return shownPlace(options.url);
  return `release ${options.release} of ${options.repository ?? DEFAULT_REPOSITORY}`;
}

function requestOf(of: Downloadable, options: Exclude<DownloadOptions, ReleaseOptions>): FetchRequest {
  const shared = { ...sharedOf(of), checksum: options.checksum };
  if ("url" in options) return { ...shared, from: options.url, key: `${of.key}.url`, instead: of.local };
  return { ...shared, from: options.path, key: `${of.key}.path`, instead: of.remote };
}

function assetRequest(of: Downloadable, { checksum }: ReleaseOptions, asset: ReleaseAsset): FetchRequest {
  const { url, digest, headers } = asset;
  const pin = { checksum: checksum ?? digest, key: `${of.key}.release`, headers };
  return { ...sharedOf(of), from: url, ...pin, instead: of.local };
}

function sharedOf({ what, key, use }: Downloadable) {
  return { what, checksumKey: `${key}.checksum`, ...(use !== undefined && { use }) };
}

async function findAsset(
  of: Downloadable,
  options: ReleaseOptions,
  ctx: Pick<RunContext, "env" | "signal">,
): Promise<ReleaseAsset> {
  return await findRelease(of, options, ctx).catch((error: unknown) => {
    throw unfetched(error, of.what, of.local);
  });
}

function lockedAsset(
  { tag = "", url = "", digest }: LockEntry,
  options: ReleaseOptions,
  ctx: FetchContext,
): ReleaseAsset {
  return { tag, url, digest, headers: assetHeaders(url, options, ctx.env) };
}

/** What a lock calls the asset of a release; what is as it is by default is left out. */
function releaseKey(of: Downloadable, options: ReleaseOptions): string {
  const { release, repository = DEFAULT_REPOSITORY, asset, apiUrl } = options;
  const more = [
    ...(asset === undefined || asset === of.asset ? [] : [asset]),
    ...(apiUrl === undefined ? [] : [safeUrl(apiUrl)]),
  ];
  return [of.kind, repository, release, ...more].join(" ");
}

/** The asset of a release: an entry says which release that was, and where the asset is. */
function releaseLockable(of: Downloadable, options: ReleaseOptions): Lockable {
  const { checksum, repository = DEFAULT_REPOSITORY } = options;
  return {
    key: releaseKey(of, options),
    names: [of.kind, repository],
    async resolve(ctx) {
      const found = await findAsset(of, options, ctx);
      // What GitHub says of it is believed, and checked when it is fetched.
      const known = digestFrom(checksum ?? found.digest);
      const digest = known ?? (await digestOf(assetRequest(of, options, found), ctx));
      return releaseEntry(of, { tag: found.tag, url: found.url, digest });
    },
    objection(entry) {
      if (entry.url === undefined || !/^https?:/.test(entry.url) || !URL.canParse(entry.url)) return "it has no URL";
      const checksumKey = `${of.key}.checksum`;
      const expected = checksum === undefined ? entry.digest : parseDigest(checksum, checksumKey);
      return expected === entry.digest ? undefined : `${checksumKey} is ${expected}, and it has ${entry.digest}`;
    },
    missing: async (entry, ctx) => missingBlob(entry, `${of.what} of ${repository} ${entry.tag}`, ctx),
  };
}

/** The entry of a release that was found. Throws a `download` error for a URL that only its secrets make work. */
function releaseEntry(
  { what, key }: Downloadable,
  { tag, url, digest }: LockEntry & { tag: string; url: string },
): LockEntry {
  if (safeUrl(url) === url) return { tag, url, digest };
  throw new FledgeError(
    "download",
    `${what} of release ${tag} is at a URL that may hold a secret: ${safeUrl(url)}?...`,
    {
      hint: `a lock is for everybody: name ${what} with ${key}.url, or a file with ${key}.path`,
    },
  );
}
