import type { Imager } from "../../contract/imager.ts";
import { planExt4 } from "./layout/plan.ts";
import type { ResolvedExt4Options } from "./options.ts";
import { verifyExt4 } from "./reader/verify.ts";
import { writeExt4 } from "./writer/write.ts";

/** ext4, planned whole from the tree and written in one pass: no root, no mount, no tool. */
export const ext4Imager: Imager<ResolvedExt4Options> = {
  name: "ext4",
  suffix: () => "-rootfs.img",
  isBootable: true,
  requirements: () => [],
  write: async (tree, out, options, ctx) =>
    writeExt4(planExt4(tree, options), out, { sparse: !options.preallocate }, ctx),
  verify: (tree, image, _options, ctx) => verifyExt4(tree, image, ctx),
};
