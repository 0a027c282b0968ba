import { formatSize } from "../lib/bytes.ts";
import { FledgeError } from "../lib/errors.ts";
import type { Xattrs } from "./node.ts";

/** What a layer may ask for, against archives made to exhaust memory or disk. Each counts for one layer. */
export type LayerLimits = {
  /** Of every type, the folders that a path implies and those of a type that nobody knows included. */
  readonly maxEntries: number;
  /** Of the uncompressed archive, and of the files in it with their holes. */
  readonly maxUnpackedBytes: number;
  /** Of a path, and of a symlink's target. */
  readonly maxPathBytes: number;
  /** Of where a path leads to, symbolic links followed. */
  readonly maxResolvedPathBytes: number;
  /** Of all paths and link targets together. */
  readonly maxTotalPathBytes: number;
  /** Of all extension headers together, PAX and GNU, in whole blocks. */
  readonly maxHeaderBytes: number;
  /** Of the names and values of all extended attributes together. */
  readonly maxXattrBytes: number;
  /** Pieces of data in all sparse files together. */
  readonly maxSparseRuns: number;
  /** Names that symbolic links put into the paths that are looked up, for all entries together. */
  readonly maxLinkSteps: number;
  /** What a zstd or xz stream may have the program that unpacks it keep in memory. */
  readonly maxWindowBytes: number;
};

/** Names longer than this cannot be stored by any filesystem of Linux (NAME_MAX). */
const MAX_NAME_BYTES = 255;

export const DEFAULT_LIMITS: LayerLimits = {
  maxEntries: 2_000_000,
  maxUnpackedBytes: 64 * 2 ** 30,
  maxPathBytes: 4096,
  // What a program can name at once (PATH_MAX).
  maxResolvedPathBytes: 4096,
  maxTotalPathBytes: 512 * 2 ** 20,
  maxHeaderBytes: 2 * 2 ** 30,
  maxXattrBytes: 256 * 2 ** 20,
  maxSparseRuns: 2_000_000,
  maxLinkSteps: 20_000_000,
  // What zstd itself refuses beyond.
  maxWindowBytes: 128 * 2 ** 20,
};

/** For archives that are our own work, or that of a tool which read an image of ours. */
export const NO_LIMITS: LayerLimits = Object.fromEntries(
  Object.keys(DEFAULT_LIMITS).map((limit) => [limit, Number.POSITIVE_INFINITY]),
) as LayerLimits;

/** Counts one layer against its limits; every method throws a `source` error that says which one was reached. */
export class LimitCounter {
  readonly #label: string;
  readonly #limits: LayerLimits;
  #entries = 0;
  #fileBytes = 0;
  #pathBytes = 0;
  #headerBytes = 0;
  #xattrBytes = 0;
  #sparseRuns = 0;
  #linkSteps = 0;

  constructor(label: string, limits: Partial<LayerLimits> = DEFAULT_LIMITS) {
    this.#label = label;
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
  }

  /** `fileBytes` is the apparent size of a regular file, 0 for all else. */
  addEntry(path: string, fileBytes = 0, target = ""): void {
    const { maxPathBytes, maxTotalPathBytes } = this.#limits;
    this.addName();
    this.#fileBytes += fileBytes;
    this.checkBytes(this.#fileBytes);
    if (path.length > maxPathBytes || target.length > maxPathBytes) {
      throw this.#over("maxPathBytes", `has a path of ${Math.max(path.length, target.length)} bytes`);
    }
    this.#pathBytes += path.length + target.length;
    if (this.#pathBytes > maxTotalPathBytes) {
      throw this.#over("maxTotalPathBytes", `has more than ${formatSize(maxTotalPathBytes)} of paths`);
    }
    if (path.length > MAX_NAME_BYTES) this.#checkNames(path);
  }

  /** An entry, or a folder that the path of an entry implies. */
  addName(): void {
    const { maxEntries } = this.#limits;
    if (++this.#entries > maxEntries) throw this.#over("maxEntries", `has more than ${maxEntries} entries`);
  }

  addHeader(bytes: number): void {
    const { maxHeaderBytes } = this.#limits;
    this.#headerBytes += bytes;
    if (this.#headerBytes > maxHeaderBytes) {
      throw this.#over("maxHeaderBytes", `has more than ${formatSize(maxHeaderBytes)} of extension headers`);
    }
  }

  addXattrs(xattrs: Xattrs): void {
    const { maxXattrBytes } = this.#limits;
    for (const [name, value] of xattrs) this.#xattrBytes += name.length + value.length;
    if (this.#xattrBytes > maxXattrBytes) {
      throw this.#over("maxXattrBytes", `has more than ${formatSize(maxXattrBytes)} of extended attributes`);
    }
  }

  checkResolved(bytes: number): void {
    const { maxResolvedPathBytes } = this.#limits;
    if (bytes > maxResolvedPathBytes) {
      throw this.#over("maxResolvedPathBytes", `has a path that symbolic links lead to one of ${bytes} bytes`);
    }
  }

  addSparseRuns(runs: number): void {
    const { maxSparseRuns } = this.#limits;
    this.#sparseRuns += runs;
    if (this.#sparseRuns > maxSparseRuns) {
      throw this.#over("maxSparseRuns", `has sparse files of more than ${maxSparseRuns} pieces`);
    }
  }

  addLinkSteps(steps: number): void {
    const { maxLinkSteps } = this.#limits;
    this.#linkSteps += steps;
    if (this.#linkSteps > maxLinkSteps) {
      throw this.#over("maxLinkSteps", `has paths that lead through symbolic links by more than ${maxLinkSteps} names`);
    }
  }

  checkBytes(bytes: number): void {
    const { maxUnpackedBytes } = this.#limits;
    if (bytes > maxUnpackedBytes) {
      throw this.#over("maxUnpackedBytes", `unpacks to more than ${formatSize(maxUnpackedBytes)}`);
    }
  }

  #checkNames(path: string): void {
    for (const name of path.split("/")) {
      if (name.length > MAX_NAME_BYTES) {
        throw new FledgeError("source", `${this.#label} has a file name of ${name.length} bytes; Linux allows 255`);
      }
    }
  }

  #over(limit: keyof LayerLimits, what: string): FledgeError {
    return overLimit(this.#label, { limit, what, value: this.#limits[limit] });
  }
}

/** The error of a layer that asks for more than a limit allows; `what` says what it asks for. */
export function overLimit(
  label: string,
  { limit, what, value }: { readonly limit: keyof LayerLimits; readonly what: string; readonly value: number },
): FledgeError {
  return new FledgeError("source", `${label} ${what}, the limit ${limit}`, {
    hint: `set limits.${limit} above ${value} if you trust the image`,
  });
}
