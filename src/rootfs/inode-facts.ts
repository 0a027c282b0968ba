import { toText } from "../lib/bytes.ts";
import type { Inode, InodeType, Mtime } from "./node.ts";

/** What a listing says of an inode, but for its contents. */
export type InodeFacts = {
  readonly type: InodeType;
  /** The 07777 bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly mtimeSec: number;
  /** Of a regular file, holes included. */
  readonly size?: number;
  readonly target?: string;
  /** Major and minor number: `5:1`. */
  readonly device?: string;
  /** Full names, sorted. */
  readonly xattrs?: readonly string[];
};

/** `mtime` where the inode has another one by now. */
export function inodeFacts(node: Inode, mtime: Mtime = node.mtime): InodeFacts {
  const { type, mode, uid, gid, xattrs } = node;
  return {
    ...{ type, mode, uid, gid, mtimeSec: mtime.sec },
    ...(node.type === "file" && { size: node.size }),
    ...(node.type === "symlink" && { target: toText(node.target) }),
    ...("major" in node && { device: `${node.major}:${node.minor}` }),
    ...(xattrs.size > 0 && { xattrs: [...xattrs.keys()].map(toText).sort() }),
  };
}
