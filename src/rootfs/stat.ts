import type { InodeType, Mtime } from "./node.ts";

/**
 * A path in the guest: absolute, `/`-separated; text is taken as UTF-8, bytes as they are. What `walk`, `readdir`, `glob`
 * and `stat` hand out leads back to the same name also where that is not UTF-8: a byte that is none is a lone surrogate
 * there, U+DC80 to U+DCFF.
 */
export type GuestPath = string | Uint8Array;

/** Permission bits 07777 and owner; what is left out is root's and 0644 for files, 0755 for directories. */
export type Ownership = { readonly mode?: number; readonly uid?: number; readonly gid?: number };

/** A node that is no file, folder or link; `char` and `block` need `major` and `minor`. */
export type Device = Ownership & {
  readonly type: "char" | "block" | "fifo" | "socket";
  readonly major?: number;
  readonly minor?: number;
};

/** What is known of one path. `size` is in bytes, 0 for all but regular files; `target` is a symlink's. */
export type Stat = {
  readonly type: InodeType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: Mtime;
  readonly size: number;
  /** Full name to raw value. */
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
  readonly target?: string;
  readonly major?: number;
  readonly minor?: number;
};
