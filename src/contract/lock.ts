import type { RunContext } from "../lib/context.ts";
import type { Digest } from "../lib/digest.ts";

/** What an input was found to be: its digest, and what else it takes to get the same bytes again. */
export type LockEntry = {
  /** Of what the request led to: an image's index where it has one, a download's bytes. */
  readonly digest: Digest;
  readonly [more: string]: string;
};

/** Entries by their keys. */
export type Locks = ReadonlyMap<string, LockEntry>;

/** Something from outside the project that may be something else tomorrow. */
export type Lockable = {
  /** Kind, request and platform: `image docker.io/library/nginx:alpine linux/amd64`. Another request is another key. */
  readonly key: string;
  /** What people call it: `nginx:alpine`, `nginx`. */
  readonly names: readonly string[];
  /** What the config itself pins it to; it needs no entry then. */
  readonly pinned?: LockEntry;
  /** Whether a build does not need it, but to boot what was built does. */
  readonly isForBoot?: boolean;
  /** Asks what it is now. Undefined for a source of the user's that does not say. */
  resolve(ctx: RunContext): Promise<LockEntry | undefined>;
  /** Why an entry of this key cannot be used, as the end of a sentence. */
  objection?(entry: LockEntry): string | undefined;
  /** What of it the store does not have; nothing is fetched to find out. */
  missing(entry: LockEntry, ctx: RunContext): Promise<readonly string[]>;
};

/** What a build fetches, as far as it can be told before it starts. */
export type Lockables = {
  readonly inputs: readonly Lockable[];
  /** What no entry can hold; a frozen build does not take it. */
  readonly unpinned?: readonly Unpinned[];
  /** What else a lock does not hold, and no build can be held to. */
  readonly notes?: readonly string[];
  /** Why it cannot be built without the network. */
  readonly needsNetwork?: string;
};

/** What it is, and how it could be held to something. */
export type Unpinned = { readonly what: string; readonly hint: string };
