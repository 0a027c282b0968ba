import type { Imager } from "../../contract/imager.ts";
import { writeHashed } from "../sink.ts";
import { archiveBlocks } from "./archive.ts";
import { CODECS, codecTools, compress } from "./codec.ts";
import { checkLimits } from "./limits.ts";
import type { ResolvedCpioOptions } from "./options.ts";
import { verifyArchive } from "./verify.ts";

/** The initramfs: a compressed newc archive that the kernel unpacks into its first root. */
export const cpioImager: Imager<ResolvedCpioOptions> = {
  name: "cpio",
  suffix: ({ compression }) => `.cpio${CODECS[compression].extension}`,
  isBootable: true,
  requirements: (options) => codecTools(options).map((tool) => ({ kind: "tool", anyOf: [tool] })),
  async write(tree, out, options, ctx) {
    checkLimits(tree, ctx);
    return await writeHashed(out, compress(archiveBlocks(tree, ctx), options, ctx), ctx);
  },
  verify: verifyArchive,
};
