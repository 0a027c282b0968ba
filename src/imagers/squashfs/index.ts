import type { Imager, ImagerContext } from "../../contract/imager.ts";
import { epochFrom } from "../../lib/context.ts";
import { NOTHING, pipeThrough } from "../../lib/process/exec.ts";
import { chooseTool } from "../../lib/process/requirements.ts";
import type { SealedInode, SealedTree } from "../../rootfs/seal.ts";
import { writeTar } from "../../rootfs/tar/write.ts";
import { artifactFacts } from "../sink.ts";
import { verifyAsTar } from "../verify-tar.ts";
import { holdable, KEPT } from "./limits.ts";
import type { ResolvedSquashfsOptions } from "./options.ts";
import { choosePacker, PACKER_NEEDED, READER_NEEDED } from "./packers.ts";

/** squashfs, by whichever tool is there: the tree goes to it as a tar, so nothing is unpacked and root is not needed. */
export const squashfsImager: Imager<ResolvedSquashfsOptions> = {
  name: "squashfs",
  // Volant goes by the format of the disk, which is raw, and not by the filesystem on it.
  suffix: () => "-rootfs.img",
  isBootable: true,
  requirements: () => [PACKER_NEEDED],
  verifyRequirements: () => [READER_NEEDED],
  async write(tree, out, options, ctx) {
    const { packer, path } = await choosePacker(ctx);
    const held = holdable(tree, ctx);
    packer.assertCarries?.(held);
    const { stampSec } = epochFrom(ctx.env);
    const argv = packer.argv(out, options, { stampSec, root: held.inodes[0] as SealedInode });
    const env = { ...ctx.env, ...packer.env(stampSec) };
    const said = pipeThrough(path, argv, writeTar(held, ctx, { sparse: "gnu" }), { signal: ctx.signal, env });
    for await (const text of said) ctx.log(Buffer.from(text).toString().trimEnd());
    return await artifactFacts(out, ctx);
  },
  verify: verifySquashfs,
};

/** Has sqfs2tar turn the image into a tar, and compares that. */
async function verifySquashfs(
  tree: SealedTree,
  image: string,
  _options: ResolvedSquashfsOptions,
  ctx: ImagerContext,
): Promise<void> {
  const { path } = await chooseTool(READER_NEEDED, ctx);
  const packed = pipeThrough(path, ["--root-becomes", ".", "--no-skip", image], NOTHING, ctx);
  await verifyAsTar(tree, image, { packed, kept: KEPT }, ctx);
}
