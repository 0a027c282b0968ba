import { type ByteString, fromByteString } from "../../lib/bytes.ts";
import { FledgeError } from "../../lib/errors.ts";
import type { SealedInode, SealedTree } from "../../rootfs/seal.ts";

/** What a filesystem has no room for in an inode; anything else the kernel refuses by itself. */
export type Limits = {
  /** Of a symlink's target. */
  readonly targetBytes: number;
  /** Major and minor numbers of devices are below these. */
  readonly majors: number;
  readonly minors: number;
  /** The kernel moves a time outside of these to the nearest one, without a word. */
  readonly earliestSec: number;
  readonly latestSec: number;
};

/** Throws an `image` error that names the first path which the filesystem cannot hold as it is. */
export function assertStorable(tree: SealedTree, type: string, limits: Limits): void {
  for (const { path, inode, isFirstName } of tree.entries) {
    const objection = isFirstName ? objectionTo(inode, limits) : undefined;
    if (objection !== undefined) throw unstorable(path, `${objection}; ${type} cannot hold it`);
  }
}

function objectionTo({ node, mtime }: SealedInode, limits: Limits): string | undefined {
  if (mtime.sec < limits.earliestSec || mtime.sec > limits.latestSec) return `has the time ${mtime.sec} s after 1970`;
  if (node.type === "symlink" && node.target.length > limits.targetBytes) {
    return `has a target of ${node.target.length} bytes`;
  }
  const isDevice = node.type === "char" || node.type === "block";
  return isDevice && (node.major >= limits.majors || node.minor >= limits.minors)
    ? `has the device number ${node.major}:${node.minor}`
    : undefined;
}

function unstorable(path: ByteString, what: string): FledgeError {
  return new FledgeError("image", `/${fromByteString(path)} ${what}`, {
    hint: 'remove it in the hook "rootfs:ready", or choose another filesystem.type',
  });
}
