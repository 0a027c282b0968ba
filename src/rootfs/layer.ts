import type { ByteString } from "../lib/bytes.ts";
import type { Content, Metadata } from "./node.ts";

/**
 * One entry of a layer as its archive has it, PAX and GNU extensions already applied. `path` is raw: it may be absolute,
 * hold `.` and `..` and be a whiteout. A hard link carries only its target.
 */
export type LayerEntry = { readonly path: ByteString; readonly metadata: Metadata } & (
  | { readonly type: "file"; readonly size: number; readonly content: Content }
  | { readonly type: "dir" | "fifo" | "socket" }
  | { readonly type: "symlink"; readonly target: ByteString }
  | { readonly type: "hardlink"; readonly target: ByteString }
  | { readonly type: "char" | "block"; readonly major: number; readonly minor: number }
);

/** A layer that is at hand: its entries in archive order, their contents pointing into the store. */
export type Layer = {
  /** What errors call it: the digest of the layer, or the path of the archive or folder. */
  readonly label: string;
  /**
   * Whether it is a layer of an image, where `.wh.` names take away what lower layers have; anywhere else such a name is one
   * like any other. Default false.
   */
  readonly hasWhiteouts?: boolean | undefined;
  entries(): Iterable<LayerEntry> | AsyncIterable<LayerEntry>;
};
