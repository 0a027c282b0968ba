import type { Digest } from "../../lib/digest.ts";

/** A file of a set, as whoever has put it there says. */
export type StoredFile = { readonly name: string; readonly digest: Digest; readonly sizeBytes: number };

/** A file on this machine that is to be in a set. */
export type LocalFile = StoredFile & { readonly path: string };

/**
 * Where the bytes of a farm travel: sets of files under names. A set is there whole or not at all, and putting the same one
 * twice does no harm. Methods throw `download` errors, `get` a `checksum` error too.
 */
export interface FarmStore {
  /** For people. */
  readonly name: string;
  /** What is in a set; undefined when there is none. */
  list(set: string): Promise<readonly StoredFile[] | undefined>;
  put(set: string, files: readonly LocalFile[]): Promise<void>;
  /** Writes a file of a set to a new path, with its holes. */
  get(set: string, name: string, to: string): Promise<void>;
}
