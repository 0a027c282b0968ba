import { z } from "zod";

/** The archive of an initramfs. */
export const cpioOptions = z.strictObject({
  compression: z
    .enum(["gzip", "zstd", "xz", "lz4", "none"])
    .default("gzip")
    .describe("the kernel must have the decompressor; gzip always works"),
  level: z.int().min(1).max(22).optional().describe("of the compressor; its own default otherwise"),
});

export type CpioOptions = z.output<typeof cpioOptions>;
