import { z } from "zod";
import { type Digest, digestFrom } from "../../lib/digest.ts";

/** What lists of a store say by; whatever else a document has is left out. */
export const storedDigest = z.custom<Digest>((value) => typeof value === "string" && digestFrom(value) !== undefined);

export const storedFile = z.object({ name: z.string(), digest: storedDigest, sizeBytes: z.int().min(0) });

/** A file of a set, as whoever has put it there says. */
export type StoredFile = Readonly<z.infer<typeof storedFile>>;

/** A file on this machine that is to be in a set. */
export type LocalFile = StoredFile & { readonly path: string };

/** What is under a name, read once. */
export interface StoredSet {
  readonly files: readonly StoredFile[];
  /** Writes one of the files to a new path, with its holes. Throws a `checksum` error when it is not what was put there. */
  get(name: string, to: string): Promise<void>;
}

/**
 * Where the bytes of a farm travel: sets of files under names. A set is there whole or not at all, and putting the same one
 * twice does no harm. Methods throw `download` errors.
 */
export interface FarmStore {
  /** For people. */
  readonly name: string;
  has(set: string): Promise<boolean>;
  put(set: string, files: readonly LocalFile[]): Promise<void>;
  /** Throws a `source` error when it is not there, or nothing of a farm's. */
  open(set: string): Promise<StoredSet>;
}
