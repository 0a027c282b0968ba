import { stat } from "node:fs/promises";
import { epochFrom } from "../../lib/context.ts";
import { pipeThrough } from "../../lib/exec.ts";
import { hashFile } from "../../lib/hash-file.ts";
import { chooseTool } from "../../lib/requirements.ts";
import type { SealedInode } from "../../rootfs/seal.ts";
import { writeTar } from "../../rootfs/tar-write.ts";
import type { Imager } from "../imager.ts";
import { holdable } from "./limits.ts";
import type { ResolvedSquashfsOptions } from "./options.ts";
import { PACKERS, SQFS2TAR } from "./packers.ts";
import { verifySquashfs } from "./verify.ts";

/** squashfs, by whichever tool is there: the tree goes to it as a tar, so nothing is unpacked and root is not needed. */
export const squashfsImager: Imager<ResolvedSquashfsOptions> = {
  name: "squashfs",
  // Volant goes by the format of the disk, which is raw, and not by the filesystem on it.
  suffix: () => "-rootfs.img",
  isBootable: true,
  requirements: () => [{ kind: "tool", anyOf: PACKERS }],
  verifyRequirements: () => [{ kind: "tool", anyOf: [SQFS2TAR] }],
  async write(tree, out, options, ctx) {
    const { tool, path } = await chooseTool({ kind: "tool", anyOf: PACKERS }, ctx);
    const held = holdable(tree, ctx);
    tool.assertCarries?.(held);
    const { stampSec } = epochFrom(ctx.env);
    const argv = tool.argv(out, options, { stampSec, root: held.inodes[0] as SealedInode });
    const env = { ...ctx.env, ...tool.env(stampSec) };
    const said = pipeThrough(path, argv, writeTar(held, ctx, { sparse: "gnu" }), { signal: ctx.signal, env });
    for await (const text of said) ctx.log(Buffer.from(text).toString().trimEnd());
    return { sizeBytes: (await stat(out)).size, digest: await hashFile(out, ctx.signal) };
  },
  verify: verifySquashfs,
};
