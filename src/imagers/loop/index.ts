import type { Imager } from "../../contract/imager.ts";
import { assertNever } from "../../lib/errors.ts";
import { btrfs } from "./btrfs.ts";
import { ext4 } from "./ext4.ts";
import type { LoopFilesystem } from "./filesystem.ts";
import type { ResolvedLoopOptions } from "./options.ts";
import { loopRequirements } from "./requirements.ts";
import { verifyLoop } from "./verify.ts";
import { writeLoop } from "./write.ts";
import { xfs } from "./xfs.ts";

/**
 * A filesystem that the kernel writes: mkfs, a loop device, a mount in a namespace of its own, tar. The only code that
 * needs root. The kernel chooses where things lie and what time it is, so the same tree does not give the same bytes.
 */
export function loopImager(type: ResolvedLoopOptions["type"]): Imager<ResolvedLoopOptions> {
  return {
    name: type,
    suffix: () => "-rootfs.img",
    isBootable: true,
    requirements: (options) => loopRequirements(filesystemFor(options), options),
    write: (tree, out, options, ctx) => writeLoop(tree, out, { fs: filesystemFor(options), options }, ctx),
    verify: (tree, image, options, ctx) => verifyLoop(tree, image, filesystemFor(options), ctx),
  };
}

function filesystemFor(options: ResolvedLoopOptions): LoopFilesystem {
  switch (options.type) {
    case "xfs":
      return xfs;
    case "btrfs":
      return btrfs;
    case "ext4":
      return ext4(options);
    default:
      return assertNever(options);
  }
}
