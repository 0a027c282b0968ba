import * as z from "zod";

export const COMPRESSIONS = ["gzip", "zstd", "xz", "lz4", "none"] as const;

export type Compression = (typeof COMPRESSIONS)[number];

/** How the initramfs archive is compressed. */
export const cpioOptions = z.strictObject({
  compression: z
    .enum(COMPRESSIONS)
    .optional()
    .describe("Codec of the archive. gzip is built in; zstd, xz and lz4 call the program of that name. Default: gzip."),
  level: z
    .int()
    .min(0)
    .optional()
    .describe(
      "Compression level: gzip 0-9 (default 6), zstd 1-19 (default 9), xz 0-9 (default 6), lz4 1-12 (default 9).",
    ),
});

export type ResolvedCpioOptions = { readonly compression: Compression; readonly level?: number };
