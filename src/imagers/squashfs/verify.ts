import type { ImagerContext } from "../../contract/imager.ts";
import { NOTHING, pipeThrough } from "../../lib/exec.ts";
import { chooseTool } from "../../lib/requirements.ts";
import type { SealedTree } from "../../rootfs/seal.ts";
import { verifyAsTar } from "../verify-tar.ts";
import { KEPT } from "./limits.ts";
import type { ResolvedSquashfsOptions } from "./options.ts";
import { READER_NEEDED } from "./packers.ts";

/** Has sqfs2tar turn the image into a tar, and compares that. */
export async function verifySquashfs(
  tree: SealedTree,
  image: string,
  _options: ResolvedSquashfsOptions,
  ctx: ImagerContext,
): Promise<void> {
  const { path } = await chooseTool(READER_NEEDED, ctx);
  const packed = pipeThrough(path, ["--root-becomes", ".", "--no-skip", image], NOTHING, ctx);
  await verifyAsTar(tree, image, { packed, kept: KEPT }, ctx);
}
