import { type ByteString, compareBytes, toText } from "../lib/bytes.ts";
import type { Inode, InodeType } from "../rootfs/node.ts";
import { type ImageReader, inodeAt } from "./reader.ts";

/** One name of an image. Paths are as `RootfsTree` hands them out, sizes in bytes. */
export type ListedEntry = {
  readonly path: string;
  readonly type: InodeType;
  /** The 07777 bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtimeSec: number;
  readonly target?: string;
  readonly device?: string;
  /** Full names. */
  readonly xattrs?: readonly string[];
};

/** How a folder of an image is listed. */
export type ListOptions = {
  /** With all that is below. Default false. */
  readonly recursive?: boolean;
};

/** The names in a folder of an image, or the one name of anything else, sorted by raw bytes. Throws a `rootfs` error. */
export function* listImage(
  reader: Pick<ImageReader, "root" | "target">,
  path = "/",
  { recursive = false }: ListOptions = {},
): Generator<ListedEntry, void, undefined> {
  const top = inodeAt(reader, path, path.endsWith("/"));
  const base = (path.startsWith("/") ? path : `/${path}`).replace(/\/+$/, "");
  if (top.type !== "dir") return yield entryOf(base, top);
  const stack = childrenOf(base, top);
  for (let next = stack.pop(); next; next = stack.pop()) {
    yield entryOf(next.path, next.node);
    if (recursive && next.node.type === "dir") for (const child of childrenOf(next.path, next.node)) stack.push(child);
  }
}

/** From last to first, as they come off a stack. */
function childrenOf(path: string, dir: Extract<Inode, { type: "dir" }>): { path: string; node: Inode }[] {
  const names = [...dir.children.keys()].sort((a, b) => compareBytes(b, a));
  return names.map((name) => ({ path: `${path}/${toText(name)}`, node: dir.children.get(name) as Inode }));
}

function entryOf(path: string, node: Inode): ListedEntry {
  const { type, mode, uid, gid, mtime, xattrs } = node;
  return {
    ...{ path, type, mode, uid, gid, mtimeSec: mtime.sec },
    size: node.type === "file" ? node.size : 0,
    ...(node.type === "symlink" && { target: toText(node.target) }),
    ...("major" in node && { device: `${node.major}:${node.minor}` }),
    ...(xattrs.size > 0 && { xattrs: [...xattrs.keys()].map((name: ByteString) => toText(name)) }),
  };
}
