import type { SealedTree } from "../../rootfs/seal.ts";
import type { ArtifactFacts, Imager, ImagerContext } from "../imager.ts";
import type { ResolvedExt4Options } from "./options.ts";
import { planExt4 } from "./plan.ts";
import { verifyExt4 } from "./verify.ts";
import { writeExt4 } from "./write.ts";

/** ext4, planned whole from the tree and written in one pass: no root, no mount, no tool. */
export const ext4Imager: Imager<ResolvedExt4Options> = {
  name: "ext4",
  suffix: () => "-rootfs.img",
  tools: () => [],
  needsRoot: false,
  write: (tree: SealedTree, out: string, options: ResolvedExt4Options, ctx: ImagerContext): Promise<ArtifactFacts> =>
    // async, so that what the plan throws is a rejection too
    Promise.resolve().then(() => writeExt4(planExt4(tree, options), out, { sparse: !options.preallocate }, ctx)),
  verify: (tree, image, _options, ctx) => verifyExt4(tree, image, ctx),
};
