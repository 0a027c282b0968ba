import type { Lockable, LockEntry } from "../../contract/lock.ts";
import { parseDigest } from "../../lib/digest.ts";
import { FledgeError } from "../../lib/errors.ts";
import { safeUrl } from "../../lib/network/http-errors.ts";
import { missingBlob } from "../fetch.ts";
import { DEFAULT_ASSET, DEFAULT_REPOSITORY, type ReleaseOptions } from "./options.ts";

/** What a lock calls the agent of a release; what is as it is by default is left out. */
export function releaseKey({ release, repository = DEFAULT_REPOSITORY, asset, apiUrl }: ReleaseOptions): string {
  const more = [
    ...(asset === undefined || asset === DEFAULT_ASSET ? [] : [asset]),
    ...(apiUrl === undefined ? [] : [safeUrl(apiUrl)]),
  ];
  return ["agent", repository, release, ...more].join(" ");
}

/** The agent of a release: an entry says which release that was, and where its asset is. */
export function releaseLockable(options: ReleaseOptions, resolve: Lockable["resolve"]): Lockable {
  const { checksum, repository = DEFAULT_REPOSITORY } = options;
  return {
    key: releaseKey(options),
    names: ["agent", repository],
    resolve,
    objection(entry) {
      if (entry.url === undefined || !/^https?:/.test(entry.url) || !URL.canParse(entry.url)) return "it has no URL";
      const expected = checksum === undefined ? entry.digest : parseDigest(checksum, "agent.checksum");
      return expected === entry.digest ? undefined : `agent.checksum is ${expected}, and it has ${entry.digest}`;
    },
    missing: async (entry, ctx) => missingBlob(entry, `the agent of ${repository} ${entry.tag}`, ctx),
  };
}

/** The entry of a release that was found. Throws a `download` error for a URL that only its secrets make work. */
export function releaseEntry({ tag, url, digest }: LockEntry & { tag: string; url: string }): LockEntry {
  if (safeUrl(url) !== url) {
    throw new FledgeError(
      "download",
      `the agent of release ${tag} is at a URL that may hold a secret: ${safeUrl(url)}?...`,
      {
        hint: "a lock is for everybody: name the agent with agent.url, or a file with agent.path",
      },
    );
  }
  return { tag, url, digest };
}
