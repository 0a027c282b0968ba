import { compareBytes, toText } from "../lib/bytes.ts";
import { type InodeFacts, inodeFacts } from "../rootfs/inode-facts.ts";
import type { Inode } from "../rootfs/node.ts";
import { type ImageReader, inodeAt } from "./reader.ts";

/** One name of an image. Paths are as `RootfsTree` hands them out; the size, in bytes, is 0 of all but regular files. */
export type ListedEntry = InodeFacts & { readonly path: string; readonly size: number };

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
  return { path, size: 0, ...inodeFacts(node) };
}
