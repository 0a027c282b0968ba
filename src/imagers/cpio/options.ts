import * as z from "zod";
import { describeLevels, type Levels, levelOf, rangeOf } from "../levels.ts";

export const COMPRESSIONS = ["gzip", "zstd", "xz", "lz4", "none"] as const;

export type Compression = (typeof COMPRESSIONS)[number];

/** What each codec compresses with. */
export const LEVELS: Readonly<Record<Compression, Levels | undefined>> = {
  gzip: { min: 0, max: 9, usual: 6 },
  zstd: { min: 1, max: 19, usual: 9 },
  xz: { min: 0, max: 9, usual: 6 },
  lz4: { min: 1, max: 12, usual: 9 },
  none: undefined,
};

/** How the initramfs archive is compressed. */
export const cpioOptions = z.strictObject({
  compression: z
    .enum(COMPRESSIONS)
    .optional()
    .describe("Codec of the archive. gzip is built in; zstd, xz and lz4 call the program of that name. Default: gzip."),
  level: z
    .int()
    .min(rangeOf(LEVELS).min)
    .max(rangeOf(LEVELS).max)
    .optional()
    .describe(`Compression level: ${describeLevels(LEVELS)}.`),
});

export type ResolvedCpioOptions = { readonly compression: Compression; readonly level?: number };

/** Applies the defaults. Throws a `config` error for a level that the codec has not. */
export function resolveCpioOptions(compression: Compression, level: number | undefined): ResolvedCpioOptions {
  const resolved = levelOf(compression, level, LEVELS, "archive.level");
  return resolved === undefined ? { compression } : { compression, level: resolved };
}
