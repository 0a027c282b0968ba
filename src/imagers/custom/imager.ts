import type { DigestText } from "../../lib/digest.ts";
import type { Requirement } from "../../lib/requirements.ts";
import type { SealedTree } from "../../rootfs/seal.ts";
import type { ImagerContext } from "../imager.ts";

/** An imager of your own: it turns the sealed tree into one file. The same tree should give the same bytes. */
export interface CustomImager {
  /** What events and errors call it: `tar.zst`. */
  readonly name: string;
  /** What follows the plugin's name in the artifact's file name: `-rootfs.tar.zst`. */
  readonly suffix: string;
  /** Whether Volant can boot it, as it boots a disk image; only then there is a manifest. */
  readonly isBootable: boolean;
  /** Of a bootable one: the filesystem as the guest's kernel calls it; the imager's name unless given. */
  readonly kernelName?: string;
  /** What `write` and `verify` need of the machine; nothing when absent. */
  requirements?(): readonly Requirement[];
  /** Writes the artifact to `out`, which does not exist yet. fledge renames it into place, and removes it on a failure. */
  write(
    tree: SealedTree,
    out: string,
    ctx: ImagerContext,
  ): Promise<{ readonly sizeBytes: number; readonly digest: DigestText }>;
  /** Reads the artifact back and throws when it is not what the tree says; without it `--verify` warns. */
  verify?(tree: SealedTree, image: string, ctx: ImagerContext): Promise<void>;
}
