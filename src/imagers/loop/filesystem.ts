import type { Tool } from "../../lib/process/tools.ts";
import type { Limits } from "./limits.ts";
import type { ResolvedLoopOptions } from "./options.ts";
import type { Usage } from "./usage.ts";

/** A program of a `LoopFilesystem`'s tools, with its arguments. */
export type Command = { readonly tool: string; readonly argv: readonly string[] };

/** What mkfs is to make. */
export type Format = {
  readonly image: string;
  readonly sizeBytes: number;
  /** Of the tree, and those that the headroom is to have. */
  readonly inodes: number;
  readonly label: string;
  readonly uuid: string;
  /** Seeds what a filesystem hashes its names with. */
  readonly hashSeed: string;
};

/** How a filesystem is made, mounted, brought to its size and checked; what the engine does is the same for all. */
export type LoopFilesystem = {
  readonly type: ResolvedLoopOptions["type"];
  readonly tools: readonly [mkfs: Tool, ...others: Tool[]];
  /** Of mount(8), when the tree is written. */
  readonly mountOptions: string;
  /** Those with which the filesystem is read and left as it is. */
  readonly readOptions: string;
  readonly limits: Limits;
  /** The smallest that mkfs makes. */
  readonly minBytes: number;
  /** Bytes in which the tree fits for sure, the filesystem's own included; `freeBytes` of headroom are on top. */
  sizeFor(usage: Usage, freeBytes: number): number;
  mkfs(format: Format): Command;
  /** Whether a filesystem can be brought from one size to another once it is written. */
  canResize(fromBytes: number, toBytes: number): boolean;
  /** Whether one that turns out too large, and cannot be resized, is made once more in the right size. */
  readonly remakes: boolean;
  /** Changes the size of the filesystem, which is mounted where the engine mounts; absent where that is done offline. */
  readonly resizeMounted?: (sizeBytes: number, mountPoint: string) => Command;
  /** The commands that change the size of one that is not mounted. */
  readonly resizeOffline?: (image: string, sizeBytes: number) => readonly Command[];
  /** Looks for damage and changes nothing; fails when there is any. */
  check(image: string): Command;
  /** Environment of all its tools. */
  readonly env?: Readonly<Record<string, string>>;
};

/** A label that a superblock has room for; no character is cut in two. */
export function cutLabel(label: string, bytes: number): string {
  let cut = label;
  while (Buffer.byteLength(cut) > bytes) cut = [...cut].slice(0, -1).join("");
  return cut;
}
