import type { ByteString } from "../lib/bytes.ts";
import type { LayerSums } from "./sums.ts";

/** Seconds since 1970 (may be negative) and nanoseconds 0..999,999,999 on top of them. */
export type Mtime = { readonly sec: number; readonly nsec: number };

/** A run of data in a sparse file; everything outside the runs is a hole. Bytes. */
export type Segment = { readonly at: number; readonly length: number };

/** Where the bytes of a regular file are. They are read when the image is written, never before. */
export type Content =
  | { readonly kind: "inline"; readonly bytes: Uint8Array }
  /**
   * A file of the host; its path is a Buffer where it is not UTF-8. `found` binds it to what the file was when it entered
   * the tree. A sparse one has its data in the `segments`, at the same offsets; `hasHoles` says that they are not known yet.
   */
  | {
      readonly kind: "file";
      readonly path: string | Buffer;
      readonly found?: string;
      readonly hasHoles?: boolean;
      readonly segments?: readonly Segment[];
    }
  | StoredContent
  | ImageContent;

/** A range of an uncompressed layer in the store; of a sparse file only the `segments` are there, back to back. */
export type StoredContent = {
  readonly kind: "stored";
  readonly file: string;
  readonly offset: number;
  readonly segments?: readonly Segment[];
  /** What the bytes are checked against as they are read: the checksums from the `first` on. */
  readonly check?: { readonly layer: LayerSums; readonly first: number };
};

/** A file of an image that is open, as its format keeps it: in blocks here and there, or compressed. */
export interface ImageContent {
  readonly kind: "image";
  readonly segments: readonly Segment[];
  /** Fills `out` with the bytes from `at` on, holes as zeros. Throws where the image is damaged. */
  read(out: Buffer, at: number): void;
}

/** Full name (`security.capability`) to raw value, in the encoding of the xattr system calls. */
export type Xattrs = ReadonlyMap<ByteString, Uint8Array>;

/** The metadata that every inode has. `mode` holds the 07777 bits; uid and gid are 32 bits wide. */
export type Metadata = {
  mode: number;
  uid: number;
  gid: number;
  mtime: Mtime;
  /** Replaced, never changed in place. */
  xattrs: Xattrs;
  /** Who put it there or changed it last: a place in the table of `Origins`. */
  origin?: number | undefined;
};

export type FileInode = Metadata & { readonly type: "file"; size: number; content: Content };
export type DirInode = Metadata & { readonly type: "dir"; readonly children: Map<ByteString, Inode> };
export type SymlinkInode = Metadata & { readonly type: "symlink"; readonly target: ByteString };
export type DeviceInode = Metadata & {
  readonly type: "char" | "block";
  readonly major: number;
  readonly minor: number;
};
export type PipeInode = Metadata & { readonly type: "fifo" | "socket" };

/** One inode; a hard link is a second name for the same object. */
export type Inode = FileInode | DirInode | SymlinkInode | DeviceInode | PipeInode;

export type InodeType = Inode["type"];

export const NO_XATTRS: Xattrs = new Map();

export const EPOCH_ZERO: Mtime = { sec: 0, nsec: 0 };
