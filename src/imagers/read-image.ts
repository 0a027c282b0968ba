import type { DirInode } from "../rootfs/node.ts";

/** What an image says of itself; what its format does not have is absent. Sizes are in bytes. */
export type ImageFacts = {
  /** How large it is where it is used: of a disk all of it, of an archive what is unpacked from it. */
  readonly logicalBytes?: number;
  /** What of it is taken. */
  readonly usedBytes?: number;
  readonly blockBytes?: number;
  readonly blocks?: number;
  readonly freeBlocks?: number;
  readonly inodes?: number;
  readonly freeInodes?: number;
  /** As the tools of the format name them. */
  readonly features?: readonly string[];
  readonly compression?: string;
  readonly label?: string;
  readonly uuid?: string;
};

/** An image that is open: its tree, whose contents are read when they are asked for, until `close`. */
export type ReadImage = {
  readonly root: DirInode;
  readonly facts: ImageFacts;
  close(): Promise<void>;
};
