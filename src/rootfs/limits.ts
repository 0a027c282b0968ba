import { formatSize } from "../lib/bytes.ts";
import { FledgeError } from "../lib/errors.ts";

/** What a layer may ask for, against archives made to exhaust memory or disk. Each counts for one layer. */
export type LayerLimits = {
  readonly maxEntries: number;
  /** Of the uncompressed archive, and of the files in it with their holes. */
  readonly maxUnpackedBytes: number;
  /** Of a path, and of a symlink's target. */
  readonly maxPathBytes: number;
};

/** Names longer than this cannot be stored by any filesystem of Linux (NAME_MAX). */
const MAX_NAME_BYTES = 255;

export const DEFAULT_LIMITS: LayerLimits = {
  maxEntries: 2_000_000,
  maxUnpackedBytes: 64 * 2 ** 30,
  maxPathBytes: 4096,
};

/** Counts one layer against its limits; every method throws a `source` error that says which one was reached. */
export class LimitCounter {
  readonly #label: string;
  readonly #limits: LayerLimits;
  #entries = 0;
  #fileBytes = 0;

  constructor(label: string, limits: LayerLimits = DEFAULT_LIMITS) {
    this.#label = label;
    this.#limits = limits;
  }

  /** `fileBytes` is the apparent size of a regular file, 0 for all else. */
  addEntry(path: string, fileBytes = 0, target = ""): void {
    const { maxEntries, maxPathBytes } = this.#limits;
    if (++this.#entries > maxEntries) throw this.#over("maxEntries", `has more than ${maxEntries} entries`);
    this.#fileBytes += fileBytes;
    this.checkBytes(this.#fileBytes);
    if (path.length > maxPathBytes || target.length > maxPathBytes) {
      throw this.#over("maxPathBytes", `has a path of ${Math.max(path.length, target.length)} bytes`);
    }
    if (path.length > MAX_NAME_BYTES) this.#checkNames(path);
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
        throw new FledgeError(
          "source",
          `layer ${this.#label} has a file name of ${name.length} bytes; Linux allows 255`,
        );
      }
    }
  }

  #over(limit: keyof LayerLimits, what: string): FledgeError {
    return new FledgeError("source", `layer ${this.#label} ${what}, the limit ${limit}`, {
      hint: `set limits.${limit} above ${this.#limits[limit]} if you trust the image`,
    });
  }
}
