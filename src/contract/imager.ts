import type { RunContext } from "../lib/context.ts";
import type { Digest, DigestText } from "../lib/digest.ts";
import type { Requirement } from "../lib/process/requirements.ts";
import type { SealedTree } from "../rootfs/seal.ts";

/**
 * What is known of a written artifact: its size in bytes (holes included) and the digest of all its bytes. A folder's are
 * those of the tar stream that it is unpacked from.
 */
export type ArtifactFacts = { readonly sizeBytes: number; readonly digest: Digest };

/** What an imager may use of the run. */
export type ImagerContext = Pick<RunContext, "signal" | "env" | "progress" | "warn" | "log">;

/**
 * Turns a sealed tree into one file, or one folder. The same tree and options give the same bytes, whoever runs it and wherever.
 * `Options` are the resolved ones of the imager's own `options.ts`.
 */
export interface Imager<Options> {
  /** "cpio", "ext4", ...; what events and errors call it. */
  readonly name: string;
  /** What follows the plugin's name in the artifact's file name, e.g. `.cpio.gz` or `-rootfs.img`. */
  suffix(options: Options): string;
  /** False for what Volant cannot boot, by its nature: it gets no manifest. */
  readonly isBootable: boolean;
  /** What `write` needs of the machine. */
  requirements(options: Options): readonly Requirement[];
  /** What `verify` needs of the machine; nothing unless said. */
  verifyRequirements?(options: Options): readonly Requirement[];
  /**
   * Writes the image to `out`, which does not exist yet, in a folder that does. The caller renames it into place,
   * and removes it when this throws.
   */
  write(tree: SealedTree, out: string, options: Options, ctx: ImagerContext): Promise<ArtifactFacts>;
  /** Reads `image` back and compares every inode with the tree; throws a `verify` error that names the path. */
  verify(tree: SealedTree, image: string, options: Options, ctx: ImagerContext): Promise<void>;
}

/** An imager of your own: it turns the sealed tree into one file. The same tree should give the same bytes. */
export interface CustomImager {
  /** What events and errors call it: `tar.zst`. */
  readonly name: string;
  /** What follows the plugin's name in the artifact's file name: `-rootfs.tar.zst`. */
  readonly suffix: string;
  /** Whether Volant can boot it, as it boots a disk image; only then there is a manifest. */
  readonly isBootable: boolean;
  /**
   * What the bytes depend on beside the tree: a version of the code, options. With it an artifact that is this tree already
   * is left as it is; without it each build writes.
   */
  readonly version?: string;
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
