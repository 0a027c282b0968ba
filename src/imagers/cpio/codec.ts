import type { ImagerContext } from "../../contract/imager.ts";
import { pgzip } from "../../lib/pgzip.ts";
import { pipeThrough } from "../../lib/process/exec.ts";
import { requireTool, type Tool } from "../../lib/process/tools.ts";
import { levelOf } from "../levels.ts";
import { type Compression, LEVELS, type ResolvedCpioOptions } from "./options.ts";

type Codec = {
  readonly extension: string;
  /** The argv of the program that compresses stdin to stdout; absent for what is built in. */
  readonly argv?: (level: number) => readonly string[];
  readonly package?: string;
};

/**
 * One row per codec of the kernel's initramfs. The number of threads is part of what xz and zstd write, so it is fixed.
 * xz: the kernel's decoder checks CRC32 only. lz4: the kernel reads the legacy frame only.
 */
export const CODECS: Readonly<Record<Compression, Codec>> = {
  gzip: { extension: ".gz" },
  zstd: {
    extension: ".zst",
    argv: (level) => ["-q", "-c", "-T2", `-${level}`],
    package: "zstd",
  },
  xz: {
    extension: ".xz",
    argv: (level) => ["-q", "-c", "-T2", "--block-size=16MiB", "--check=crc32", `-${level}`],
    package: "xz-utils",
  },
  lz4: {
    extension: ".lz4",
    argv: (level) => ["-q", "-c", "-l", `-${level}`],
    package: "lz4",
  },
  none: { extension: "" },
};

/** The program that a codec calls. */
export function codecTools({ compression }: ResolvedCpioOptions): readonly Tool[] {
  const codec = CODECS[compression];
  if (codec.argv === undefined || codec.package === undefined) return [];
  const reason = `compress the initramfs with ${compression}`;
  return [{ name: compression, reason, package: codec.package, instead: 'archive.compression = "gzip" (built in)' }];
}

export function compress(
  blocks: AsyncIterable<Uint8Array>,
  options: ResolvedCpioOptions,
  ctx: ImagerContext,
): AsyncIterable<Uint8Array> {
  const codec = CODECS[options.compression];
  const level = levelOf(options.compression, options.level, LEVELS, "archive.level");
  if (level === undefined) return blocks;
  if (codec.argv === undefined) return pgzip(blocks, { level });
  const [tool] = codecTools(options);
  return pipeThrough(requireTool(tool as Tool, ctx.env), codec.argv(level), blocks, ctx);
}
